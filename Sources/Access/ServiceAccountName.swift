/// A service account as a user.
public struct ServiceAccountName: Hashable, Sendable {
    public let namespace: String
    public let name: String

    public init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    private static let prefix = "system:serviceaccount:"

    /// nil for the name of another user.
    public init?(userName: String) {
        guard userName.hasPrefix(Self.prefix) else { return nil }
        let parts = userName.dropFirst(Self.prefix.count).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        self.init(namespace: String(parts[0]), name: String(parts[1]))
    }

    public var userName: String { "\(Self.prefix)\(namespace):\(name)" }

    public var groups: [String] {
        ["system:serviceaccounts", "system:serviceaccounts:\(namespace)", User.authenticatedGroup]
    }
}
