import Resources
import Testing

@testable import KubernetesAPI

@Suite("API paths")
struct APIPathTests {
    @Test("a group version's root, with and without a group")
    func roots() {
        #expect(APIPath("/api") == .coreVersions)
        #expect(APIPath("/apis/") == .groups)
        #expect(APIPath("/apis/apps") == .group("apps"))
        #expect(APIPath("/api/v1") == .groupVersion(group: "", version: "v1"))
        #expect(APIPath("/apis/apps/v1/") == .groupVersion(group: "apps", version: "v1"))
    }

    @Test("collections and objects in and without namespaces")
    func objects() {
        #expect(APIPath("/api/v1/pods") == .collection(.pod, namespace: nil))
        #expect(APIPath("/api/v1/namespaces/a/pods") == .collection(.pod, namespace: "a"))
        #expect(APIPath("/api/v1/namespaces") == .collection(.namespace, namespace: nil))
        let deployment = ResourceKey(type: .deployment, namespace: "a", name: "web")
        #expect(APIPath("/apis/apps/v1/namespaces/a/deployments/web") == .object(deployment, subresource: ""))
        #expect(
            APIPath("/apis/apps/v1/namespaces/a/deployments/web/scale") == .object(deployment, subresource: "scale"))
        let node = ResourceKey(type: .node, namespace: nil, name: "n 1")
        #expect(APIPath("/api/v1/nodes/n%201/status") == .object(node, subresource: "status"))
    }

    @Test("a namespace's own parts are not resources inside it")
    func namespaceParts() {
        let key = ResourceKey(type: .namespace, namespace: nil, name: "a")
        #expect(APIPath("/api/v1/namespaces/a") == .object(key, subresource: ""))
        #expect(APIPath("/api/v1/namespaces/a/status") == .object(key, subresource: "status"))
    }

    @Test(
        "paths that mean nothing",
        arguments: [
            "/", "/api/v1/nope", "/api/v2/pods", "/apis/apps/v1/pods", "/api/v1/pods/p", "/api/v1/namespaces/a/nodes",
            "/api/v1/namespaces/a/pods/p/log/more",
        ])
    func unknown(path: String) {
        #expect(APIPath(path) == nil)
    }

    @Test("a query decodes escapes and plus, and keeps the first of two")
    func query() throws {
        let query = QueryParameters("labelSelector=env+in+%28a%2Cb%29&watch=1&watch=0&limit=x&empty=")
        #expect(query["labelSelector"] == "env in (a,b)")
        #expect(try query.flag("watch"))
        #expect(try query.flag("absent") == false)
        #expect(query.text("empty") == nil)
        #expect(throws: StatusError.self) { try query.integer("limit") }
    }

    @Test("the first servable media type decides the shape")
    func shapes() throws {
        let kubectl =
            "application/json;as=Table;v=v1;g=meta.k8s.io,"
            + "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
        #expect(try ResponseShape(accept: kubectl) == .table(version: "v1"))
        #expect(
            try ResponseShape(
                accept: "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
                    + "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1") == .partialMetadata(version: "v1")
        )
        #expect(try ResponseShape(accept: "application/vnd.kubernetes.protobuf, */*") == .objects)
        #expect(throws: StatusError.self) { try ResponseShape(accept: "application/vnd.kubernetes.protobuf") }
    }
}
