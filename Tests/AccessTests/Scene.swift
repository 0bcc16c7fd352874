import JSON
import Linux
import Logging
import ResourceStore
import Resources
import Testing

@testable import Access

/// A store with the default roles, and short ways to say who has which role.
struct Scene {
    let directory: String
    let store: Store
    var authorizer: RoleAuthorizer { RoleAuthorizer(store: store) }

    static func run(_ body: (Scene) async throws -> Void) async throws {
        var template = Array("/tmp/wherry-access-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        try #require(made != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(directory) }
        let store = try Store(path: directory + "/state.db")
        for name in ["default", "other"] { _ = try await store.create(Self.object(.namespace, name)) }
        try await DefaultRoles.ensure(in: store)
        try await body(Scene(directory: directory, store: store))
        await store.close()
    }

    static func object(
        _ type: ResourceType, _ name: String, in namespace: String? = nil, _ fields: JSONValue = [:]
    ) -> Resource {
        var value = fields
        value[path: "metadata", "name"] = .string(name)
        if let namespace { value[path: "metadata", "namespace"] = .string(namespace) }
        return Resource(value: value, type: type)
    }

    func role(_ name: String, in namespace: String? = nil, _ rules: PolicyRule...) async throws {
        let fields: JSONValue = ["rules": .array(rules.map(\.value))]
        _ = try await store.create(
            Self.object(namespace == nil ? .clusterRole : .role, name, in: namespace, fields))
    }

    static func binding(
        _ name: String, of kind: String = "ClusterRole", _ role: String, in namespace: String? = nil,
        to subjects: JSONValue...
    ) -> Resource {
        object(
            namespace == nil ? .clusterRoleBinding : .roleBinding, name, in: namespace,
            [
                "roleRef": [
                    "apiGroup": "rbac.authorization.k8s.io", "kind": .string(kind), "name": .string(role),
                ], "subjects": .array(subjects),
            ])
    }

    func bind(
        _ name: String, of kind: String = "ClusterRole", _ role: String, in namespace: String? = nil,
        to subject: JSONValue
    ) async throws {
        _ = try await store.create(Self.binding(name, of: kind, role, in: namespace, to: subject))
    }

    func may(_ user: User, _ verb: String, _ resource: String, in namespace: String = "", name: String = "")
        async throws -> Bool
    {
        let parts = resource.split(separator: "/").map(String.init)
        let words = parts[0].split(separator: ".", maxSplits: 1).map(String.init)
        let target = AccessRequest.ResourceTarget(
            group: words.count > 1 ? words[1] : "", resource: words[0], subresource: parts.count > 1 ? parts[1] : "",
            namespace: namespace, name: name)
        return try await authorizer.decide(AccessRequest(user: user, verb: verb, target: .resource(target))).isAllowed
    }
}

extension User {
    static let alice = User(name: "alice", groups: ["dev", User.authenticatedGroup])
    static let bob = User(name: "bob", groups: [User.authenticatedGroup])
    static let root = User(name: "root", groups: [User.superuserGroup])
}

extension JSONValue {
    static func user(_ name: String) -> JSONValue { ["kind": "User", "name": .string(name)] }
    static func group(_ name: String) -> JSONValue { ["kind": "Group", "name": .string(name)] }
    static func account(_ name: String, in namespace: String? = nil) -> JSONValue {
        var value: JSONValue = ["kind": "ServiceAccount", "name": .string(name)]
        if let namespace { value["namespace"] = .string(namespace) }
        return value
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
