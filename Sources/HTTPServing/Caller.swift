/// Who makes a request.
public struct Caller: Hashable, Sendable {
    public var name: String
    public var uid: String
    public var groups: [String]
    /// What else the credentials say.
    public var extra: [String: [String]]

    public init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }

    /// Everybody who may open the unix socket, which file permissions decide.
    public static let localAdministrator = Caller(
        name: "wherry:local", groups: ["system:masters", "system:authenticated"])
    /// The holder of the daemon's own token, as `wherry kubeconfig` hands it out.
    public static let administrator = Caller(name: "wherry:admin", groups: ["system:masters", "system:authenticated"])
    /// A request to a public route without credentials.
    public static let anonymous = Caller(name: "system:anonymous", groups: ["system:unauthenticated"])
}
