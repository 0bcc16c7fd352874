import JSON
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Server-side apply")
struct ServerSideApplyTests {
    let key = ResourceKey(type: .configMap, namespace: "default", name: "c")

    func apply(_ manager: String, _ data: JSONValue, to live: Resource?, force: Bool = false) throws -> Resource {
        let stated: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c"], "data": data]
        let merge = ServerSideApply(manager: manager, force: force, time: "2026-01-01T00:00:00Z")
        return try Resource(value: merge.merge(stated, into: live, key: key))
    }

    @Test("a field that its only applier no longer states goes; others stay")
    func removal() throws {
        let first = try apply("a", ["x": "1", "y": "2"], to: nil)
        var live = first
        live.value[path: "data", "z"] = "updated by hand"
        let second = try apply("a", ["x": "1"], to: live)
        #expect(second.value["data"] == ["x": "1", "z": "updated by hand"])
    }

    @Test("a field with two appliers stays until both leave it")
    func sharedField() throws {
        let first = try apply("a", ["x": "1"], to: nil)
        let both = try apply("b", ["x": "1"], to: first)
        let left = try apply("a", ["y": "2"], to: both)
        #expect(left.value["data"] == ["x": "1", "y": "2"])
    }

    @Test("another value than another applier's is a conflict, and force takes the field over")
    func conflict() throws {
        let first = try apply("a", ["x": "1"], to: nil)
        let error = #expect(throws: StatusError.self) { try apply("b", ["x": "2"], to: first) }
        #expect(error?.code == 409)
        #expect(error?.details?.causes.map(\.field) == [".data.x"])
        let forced = try apply("b", ["x": "2"], to: first, force: true)
        #expect(forced.value["data"] == ["x": "2"])
        #expect(Managers(forced.value[path: "metadata", "managedFields"]).names == ["b"])
    }

    @Test("containers merge by name")
    func lists() throws {
        let key = ResourceKey(type: .pod, namespace: "default", name: "p")
        func pod(_ containers: JSONValue) -> JSONValue {
            ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"], "spec": ["containers": containers]]
        }
        let apply = ServerSideApply(manager: "a", force: false, time: "2026-01-01T00:00:00Z")
        let first = try Resource(
            value: apply.merge(
                pod([["name": "x", "image": "1"], ["name": "y", "image": "1"]]), into: nil, key: key))
        let second = try apply.merge(pod([["name": "y", "image": "2"]]), into: first, key: key)
        #expect(second[path: "spec", "containers"] == [["name": "y", "image": "2"]])
    }

    @Test("applying the same again changes nothing, not even the time")
    func idempotent() throws {
        let first = try apply("a", ["x": "1"], to: nil)
        let later = ServerSideApply(manager: "a", force: false, time: "2027-01-01T00:00:00Z")
        let stated: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "c"], "data": ["x": "1"],
        ]
        #expect(try later.merge(stated, into: first, key: key) == first.value)
    }
}
