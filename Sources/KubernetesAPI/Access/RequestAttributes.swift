import Access
import HTTPTypes
import Hummingbird

/// What a request asks for, as roles name it: verb and resource, or verb and path.
struct RequestAttributes {
    let verb: String
    let target: AccessRequest.Target

    private static let namespaceParts: Set = ["status", "finalize"]
    private static let streams: Set = ["exec", "attach", "portforward"]

    init(_ request: Request) {
        self.init(request.method, path: request.uri.path, query: QueryParameters(request.uri.query))
    }

    init(_ method: HTTPRequest.Method, path: String, query: QueryParameters) {
        guard let resource = Self.resource(path) else {
            verb = method.rawValue.lowercased()
            target = .path(path)
            return
        }
        var target = resource
        let verb = Self.verb(method, target, query)
        if target.name.isEmpty, ["list", "watch", "deletecollection"].contains(verb) {
            target.name = Self.selectedName(query) ?? ""
        }
        self.verb = verb
        self.target = .resource(target)
    }

    /// nil for what is no resource: discovery, documents, other APIs.
    private static func resource(_ path: String) -> AccessRequest.ResourceTarget? {
        var parts = path.split(separator: "/").map { PercentCoding.decode($0) }[...]
        guard let root = parts.popFirst(), root == "api" || root == "apis" else { return nil }
        let group = root == "apis" ? parts.popFirst() : ""
        guard let group, let version = parts.popFirst(), !parts.isEmpty else { return nil }
        var namespace = ""
        if parts.first == "namespaces", parts.count > 1 {
            // The namespace itself counts as inside: a role there may allow to read it.
            namespace = parts[parts.startIndex + 1]
            if parts.count > 2, !namespaceParts.contains(parts[parts.startIndex + 2]) { parts = parts.dropFirst(2) }
        }
        let rest = Array(parts)
        return AccessRequest.ResourceTarget(
            group: group, version: version, resource: rest[0], subresource: rest.count > 2 ? rest[2] : "",
            namespace: namespace, name: rest.count > 1 ? rest[1] : "")
    }

    private static func verb(
        _ method: HTTPRequest.Method, _ target: AccessRequest.ResourceTarget, _ query: QueryParameters
    ) -> String {
        switch method {
        case .post: return "create"
        case .put: return "update"
        case .patch: return "patch"
        case .delete: return target.name.isEmpty ? "deletecollection" : "delete"
        // A stream opened by a WebSocket's GET does what one opened by POST does.
        case .get where target.resource == "pods" && streams.contains(target.subresource): return "create"
        case .get, .head:
            // An unreadable flag is refused later; until then it counts as set.
            let isWatch = query["watch"] != nil && (try? query.flag("watch")) != false
            if isWatch, target.subresource.isEmpty { return "watch" }
            return target.name.isEmpty ? "list" : "get"
        default: return method.rawValue.lowercased()
        }
    }

    private static func selectedName(_ query: QueryParameters) -> String? {
        for term in (query.text("fieldSelector") ?? "").split(separator: ",") {
            let sides = term.split(separator: "=", omittingEmptySubsequences: true)
            if sides.count == 2, sides[0] == "metadata.name" { return String(sides[1]) }
        }
        return nil
    }
}
