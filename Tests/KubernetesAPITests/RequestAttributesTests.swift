import Access
import HTTPTypes
import Testing

@testable import KubernetesAPI

/// What roles see of a request. A wrong answer here is a hole: each row is one way in.
@Suite("Request attributes")
struct RequestAttributesTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let method: HTTPRequest.Method
        let url: String
        let expected: String
        var testDescription: String { "\(method) \(url)" }
    }

    static let cases: [Case] = [
        Case(method: .get, url: "/api/v1/pods", expected: "list /pods"),
        Case(method: .head, url: "/api/v1/pods", expected: "list /pods"),
        Case(method: .get, url: "/api/v1/pods?watch=1", expected: "watch /pods"),
        Case(method: .get, url: "/api/v1/pods?watch", expected: "watch /pods"),
        Case(method: .get, url: "/api/v1/pods?watch=maybe", expected: "watch /pods"),
        Case(method: .get, url: "/api/v1/pods?watch=false", expected: "list /pods"),
        Case(method: .get, url: "/api/v1/namespaces/a/pods/p", expected: "get /pods a p"),
        Case(method: .get, url: "/api/v1/namespaces/a/pods/p?watch=true", expected: "watch /pods a p"),
        Case(method: .get, url: "/api/v1/namespaces/a/pods/p/log", expected: "get /pods/log a p"),
        Case(method: .get, url: "/api/v1/namespaces/a/pods/p/log?watch=1", expected: "get /pods/log a p"),
        Case(method: .get, url: "/api/v1/namespaces/a/pods/p/exec?command=x", expected: "create /pods/exec a p"),
        Case(method: .post, url: "/api/v1/namespaces/a/pods/p/exec?command=x", expected: "create /pods/exec a p"),
        Case(method: .get, url: "/api/v1/namespaces/a/pods/p/portforward", expected: "create /pods/portforward a p"),
        Case(method: .post, url: "/apis/apps/v1/namespaces/a/deployments", expected: "create apps/deployments a"),
        Case(
            method: .patch, url: "/apis/apps/v1/namespaces/a/deployments/d/scale",
            expected: "patch apps/deployments/scale a d"),
        Case(method: .put, url: "/api/v1/nodes/n", expected: "update /nodes  n"),
        Case(method: .delete, url: "/api/v1/namespaces/a/pods", expected: "deletecollection /pods a"),
        Case(method: .delete, url: "/api/v1/namespaces/a/pods/p", expected: "delete /pods a p"),
        Case(
            method: .get, url: "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Ds",
            expected: "list /secrets a s"),
        Case(
            method: .post, url: "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Ds",
            expected: "create /secrets a"),
        Case(method: .get, url: "/api/v1/namespaces", expected: "list /namespaces"),
        Case(method: .get, url: "/api/v1/namespaces/a", expected: "get /namespaces a a"),
        Case(method: .put, url: "/api/v1/namespaces/a/status", expected: "update /namespaces/status a a"),
        Case(method: .get, url: "/api/v1/namespaces/a%2Fb/pods", expected: "list /pods a/b"),
        // Double slashes are no way around: the router and this see the same parts.
        Case(method: .get, url: "//api//v1//namespaces//a//secrets", expected: "list /secrets a"),
        Case(method: .get, url: "/apis/unknown.example/v9/things/x", expected: "get unknown.example/things  x"),
        Case(method: .get, url: "/api", expected: "get path /api"),
        Case(method: .get, url: "/apis/apps/v1", expected: "get path /apis/apps/v1"),
        Case(method: .get, url: "/metrics", expected: "get path /metrics"),
        Case(method: .post, url: "/v1.43/containers/create", expected: "post path /v1.43/containers/create"),
        Case(method: .get, url: "/wherry/v1/kubeconfig", expected: "get path /wherry/v1/kubeconfig"),
    ]

    @Test("verb, resource, namespace and name, or verb and path", arguments: cases)
    func attributes(_ test: Case) {
        let parts = test.url.split(separator: "?", maxSplits: 1).map(String.init)
        let seen = RequestAttributes(
            test.method, path: parts[0], query: QueryParameters(parts.count > 1 ? parts[1] : nil))
        var text = seen.verb
        switch seen.target {
        case .path(let path): text += " path \(path)"
        case .resource(let target):
            let sub = target.subresource.isEmpty ? "" : "/\(target.subresource)"
            text += " \(target.group)/\(target.resource)\(sub)"
            if !target.namespace.isEmpty || !target.name.isEmpty { text += " \(target.namespace)" }
            if !target.name.isEmpty { text += " \(target.name)" }
        }
        #expect(text == test.expected)
    }
}
