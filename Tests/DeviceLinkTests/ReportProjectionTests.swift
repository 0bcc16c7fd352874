import FleetProtocol
import JSON
import ResourceStore
import Resources
import Testing

@testable import DeviceLink

struct ReportProjectionTests {
    @Test func secretDataNeverLeavesTheDevice() async throws {
        let scratch = try Scratch()
        let store = try await scratch.store()
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s", "namespace": "default"],
            "data": ["password": "aHVudGVyMg=="],
        ]
        var owned = secret
        owned["metadata"] = [
            "name": "h", "namespace": "default", "annotations": [.init(stringLiteral: WherryLabels.owner): "hub"],
        ]
        _ = try await store.create(Resource(value: secret))
        _ = try await store.create(Resource(value: owned))
        var projection = ReportProjection()
        let reports = try await projection.full(store, nodeName: "dev-1")
        let text = try JSONValue(encoding: reports).description
        #expect(!text.contains("aHVudGVyMg"))
        #expect(reports.flatMap(\.entries).map(\.reference.name) == ["s"])
    }

    @Test func deltaNamesOnlyWhatChanged() async throws {
        let scratch = try Scratch()
        let store = try await scratch.store()
        _ = try await store.create(Resource(value: Objects.deployment("a")))
        _ = try await store.create(Resource(value: Objects.deployment("b")))
        _ = try await store.create(Resource(value: Objects.node("other")))
        var projection = ReportProjection()
        let full = try await projection.full(store, nodeName: "dev-1")
        #expect(full.map(\.full) == [true])
        #expect(full[0].entries.map(\.reference.name) == ["a", "b"])
        let keys: Set = [Objects.key(.deployment, "a"), Objects.key(.deployment, "b"), Objects.key(.node, "other")]
        #expect(try await projection.delta(keys, store, nodeName: "dev-1") == [])
        _ = try await store.update(Objects.key(.deployment, "a")) { $0.value[path: "spec", "replicas"] = 3 }
        _ = try await store.delete(Objects.key(.deployment, "b"))
        let delta = try await projection.delta(keys, store, nodeName: "dev-1")
        #expect(delta.flatMap(\.entries).map(\.reference.name) == ["a", "b"])
        #expect(delta[0].entries[1].object == nil)
        #expect(try await projection.delta(keys, store, nodeName: "dev-1") == [])
    }

    @Test func partsStayBelowTheirSize() {
        let entries = (0..<100).map { number in
            Report.Entry(
                reference: .init(apiVersion: "v1", kind: "Pod", namespace: "default", name: "p\(number)"),
                object: ["text": .string(String(repeating: "x", count: 3000))])
        }
        let parts = ReportProjection.split(entries)
        #expect(parts.count > 1)
        #expect(parts.flatMap { $0 } == entries)
        for part in parts {
            let size = (try? JSONValue(encoding: Report(full: true, entries: part)).serialized().count) ?? .max
            #expect(size <= FleetLimits.reportPart)
        }
    }
}
