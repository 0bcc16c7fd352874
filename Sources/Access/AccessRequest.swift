public import Resources

/// Who asks, as roles are bound to him.
public struct User: Hashable, Sendable {
    public var name: String
    public var uid: String
    public var groups: [String]
    /// What else the credentials say, as the pod that a token is bound to.
    public var extra: [String: [String]]

    public init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }

    /// May do everything, whatever the roles say: nobody can lock himself out of his own device.
    public static let superuserGroup = "system:masters"
    public static let authenticatedGroup = "system:authenticated"

    var isSuperuser: Bool { groups.contains(Self.superuserGroup) }
}

/// The question an authorizer answers: may this user do that?
public struct AccessRequest: Hashable, Sendable {
    /// A resource, one object of it, or a part of that.
    public struct ResourceTarget: Hashable, Sendable {
        public var group: String
        public var version: String
        /// Plural, as in paths.
        public var resource: String
        public var subresource: String
        /// Empty for all namespaces, and for what has none.
        public var namespace: String
        /// Empty for the collection.
        public var name: String

        public init(
            group: String, version: String = "", resource: String, subresource: String = "", namespace: String = "",
            name: String = ""
        ) {
            self.group = group
            self.version = version
            self.resource = resource
            self.subresource = subresource
            self.namespace = namespace
            self.name = name
        }

        /// As rules name it: `pods`, `pods/log`.
        var ruleName: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }
    }

    public enum Target: Hashable, Sendable {
        case resource(ResourceTarget)
        /// A path outside of the API, as `/metrics`.
        case path(String)
    }

    public var user: User
    /// `get`, `list`, `create` …; for paths the HTTP method in lower case.
    public var verb: String
    public var target: Target

    public init(user: User, verb: String, target: Target) {
        self.user = user
        self.verb = verb
        self.target = target
    }

    var namespace: String {
        if case .resource(let target) = target { target.namespace } else { "" }
    }

    fileprivate var refusalText: String {
        switch target {
        case .path(let path):
            return "User \"\(user.name)\" cannot \(verb) path \"\(path)\""
        case .resource(let target):
            let scope = target.namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(target.namespace)\""
            return "User \"\(user.name)\" cannot \(verb) resource \"\(target.ruleName)\" in API group "
                + "\"\(target.group)\" \(scope)"
        }
    }
}

extension AccessRequest {
    /// The refusal in kube-apiserver's words: 403.
    public func refusal(_ decision: RoleAuthorizer.Decision) -> StatusError {
        let why = decision.reason.isEmpty ? refusalText : "\(refusalText): \(decision.reason)"
        guard case .resource(let target) = target else {
            return StatusError(
                code: 403, reason: .forbidden, message: "forbidden: \(why)", details: StatusError.Details())
        }
        let qualified = target.group.isEmpty ? target.resource : "\(target.resource).\(target.group)"
        let object = target.name.isEmpty ? qualified : "\(qualified) \"\(target.name)\""
        return StatusError(
            code: 403, reason: .forbidden, message: "\(object) is forbidden: \(why)",
            details: StatusError.Details(
                name: target.name.isEmpty ? nil : target.name, group: target.group, kind: target.resource))
    }
}
