/// Who makes a request.
public struct Caller: Hashable, Sendable {
    public var name: String
    public var groups: [String]

    public init(name: String, groups: [String] = []) {
        self.name = name
        self.groups = groups
    }

    /// Everybody who may open the unix socket, which file permissions decide.
    public static let localAdministrator = Caller(name: "wherry:local", groups: ["system:masters"])
    /// The holder of the daemon's own token, as `wherry kubeconfig` hands it out.
    public static let administrator = Caller(name: "wherry:admin", groups: ["system:masters"])
    /// A request to a public route without credentials.
    public static let anonymous = Caller(name: "system:anonymous", groups: ["system:unauthenticated"])
}
