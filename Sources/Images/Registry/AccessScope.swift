/// What can be done with a repository; deleting is part of the right to push.
public enum RegistryAction: String, Sendable, CaseIterable {
    case pull, push, delete
}

/// A scope of the registry's token protocol: `repository:team/app:pull,push` or `registry:catalog:*`.
public struct AccessScope: Sendable, Hashable, CustomStringConvertible {
    public let type: String
    public let name: String
    public let actions: Set<String>

    public init(type: String, name: String, actions: Set<String>) {
        self.type = type
        self.name = name
        self.actions = actions
    }

    public init(_ actions: Set<RegistryAction>, of repository: RepositoryName) {
        self.init(type: "repository", name: repository.description, actions: Set(actions.map(\.rawValue)))
    }

    /// The scope that lists all repositories.
    public static let catalog = AccessScope(type: "registry", name: "catalog", actions: ["*"])

    /// Reads one scope; nil when it does not follow the grammar. A name may hold colons.
    public init?(parsing text: some StringProtocol) {
        guard let first = text.firstIndex(of: ":"), let last = text.lastIndex(of: ":"), first < last else { return nil }
        type = String(text[..<first])
        name = String(text[text.index(after: first)..<last])
        actions = Set(String(text[text.index(after: last)...]).split(separator: ",").map { String($0) })
        guard !type.isEmpty, !name.isEmpty, name.utf8.count <= 255, actions.count <= 8 else { return nil }
    }

    public var description: String { "\(type):\(name):\(actions.sorted().joined(separator: ","))" }

    func with(_ actions: Set<String>) -> AccessScope { AccessScope(type: type, name: name, actions: actions) }
}
