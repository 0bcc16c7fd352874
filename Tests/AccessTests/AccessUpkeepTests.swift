import JSON
import Linux
import ResourceStore
import Resources
import Testing

@testable import Access

struct AccessUpkeepTests {
    private static func run(_ range: String, _ body: (Store) async throws -> Void) async throws {
        try await Scene.run { scene in
            let settings = ClusterSettings(rootCertificates: "NEW", serviceAddresses: AddressRange(range))
            let store = try Store(path: scene.directory + "/device.db", cluster: settings)
            for name in ["default", "other"] { _ = try await store.create(Scene.object(.namespace, name)) }
            try await body(store)
            await store.close()
        }
    }

    private static func certificates(_ namespace: String) -> ResourceKey {
        ResourceKey(type: .configMap, namespace: namespace, name: "kube-root-ca.crt")
    }

    private static func service(_ name: String, _ spec: JSONValue = [:]) -> Resource {
        var spec = spec
        spec["ports"] = [["port": 80, "protocol": "TCP"]]
        return Scene.object(.service, name, in: "default", ["spec": spec])
    }

    @Test func aUsedUpQuotaOnServicesTakesNoNamespacesCertificates() async throws {
        try await Self.run("10.43.0.0/24") { store in
            _ = try await store.create(
                Scene.object(.resourceQuota, "none", in: "default", ["spec": ["hard": ["services": "0"]]]))
            for name in ["default", "other"] { _ = try await store.delete(Self.certificates(name)) }
            try await AccessUpkeep.furnishNamespaces(of: store)
            for name in ["default", "other"] {
                let found = try await store.find(Self.certificates(name))
                #expect(found?.value[path: "data", "ca.crt"] == "NEW", "\(name)")
            }
        }
    }

    @Test func aFullRangeKeepsNothingElseFromBeingThere() async throws {
        try await Scene.run { scene in
            let path = scene.directory + "/device.db"
            let before = try Store(path: path, cluster: ClusterSettings(rootCertificates: "OLD"))
            _ = try await before.create(Scene.object(.namespace, "default"))
            for number in 10..<25 { _ = try await before.create(Self.service("s\(number)")) }
            await before.close()
            // 14 addresses, of which the API takes one.
            let settings = ClusterSettings(rootCertificates: "NEW", serviceAddresses: AddressRange("10.43.0.0/28"))
            let store = try Store(path: path, cluster: settings)
            try await AccessUpkeep.furnishNamespaces(of: store)
            #expect(try await store.find(Self.certificates("default"))?.value[path: "data", "ca.crt"] == "NEW")
            let addresses = try await store.transaction { try $0.list(.service) }.compactMap {
                $0.value[path: "spec", "clusterIP"]?.stringValue
            }
            #expect(Set(addresses) == Set((1...14).map { "10.43.0.\($0)" }))
            #expect(addresses.count == 14)
            await store.close()
        }
    }
}
