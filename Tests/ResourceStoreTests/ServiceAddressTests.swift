import JSON
import ResourceStore
import Resources
import Testing

@Suite struct ServiceAddressTests {
    private func fixture(_ range: String = "10.43.0.0/28") async throws -> Fixture {
        let settings = ClusterSettings(rootCertificates: "PEM", serviceAddresses: AddressRange(range))
        let fixture = try await Fixture(cluster: settings)
        try await fixture.store.transaction { try $0.furnishServices() }
        return fixture
    }

    private func service(_ name: String, _ spec: JSONValue = [:], port: JSONValue = ["port": 80]) throws -> Resource {
        var spec = spec
        if spec["type"] != "ExternalName" { spec["ports"] = [port] }
        let document: JSONValue = ["metadata": ["name": .string(name)], "spec": spec]
        return try Admission.create(document, type: .service, namespace: "default").resource
    }

    private func address(_ service: Resource) -> String? { service.value[path: "spec", "clusterIP"]?.stringValue }
    private func node(_ service: Resource) -> Int? {
        service.value[path: "spec", "ports"]?.arrayValue?.first?["nodePort"]?.intValue
    }

    @Test func `the first address is the API's, and the rest of the range is given out once each`() async throws {
        let fixture = try await fixture()
        let api = try await fixture.store.get(ResourceKey(type: .service, namespace: "default", name: "kubernetes"))
        #expect(address(api) == "10.43.0.1")
        var given: Set<String> = []
        for number in 0..<13 { given.insert(address(try await fixture.store.create(try service("s\(number)"))) ?? "") }
        #expect(given == Set((2...14).map { "10.43.0.\($0)" }))
        let error = await status { _ = try await fixture.store.create(try service("late")) }
        #expect(error?.code == 500)
        #expect(error?.message.hasSuffix("failed to allocate a serviceIP: range is full") == true)
        // What goes gives its address back.
        let key = ResourceKey(type: .service, namespace: "default", name: "s3")
        let freed = address(try await fixture.store.get(key))
        try await fixture.store.delete(key)
        #expect(address(try await fixture.store.create(try service("late"))) == freed)
    }

    @Test func `an address that a service names is honoured or refused in the real words`() async throws {
        let fixture = try await fixture()
        let named = try await fixture.store.create(try service("a", ["clusterIP": "10.43.0.10"]))
        #expect(named.value[path: "spec", "clusterIPs"] == ["10.43.0.10"])
        #expect(named.value[path: "spec", "ipFamilies"] == ["IPv4"])
        #expect(named.value[path: "spec", "ipFamilyPolicy"] == "SingleStack")
        let taken = await status {
            _ = try await fixture.store.create(try service("b", ["clusterIP": "10.43.0.10"]))
        }
        #expect(taken?.code == 422)
        #expect(
            taken?.message == "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.43.0.10\"]: failed to "
                + "allocate IP 10.43.0.10: provided IP is already allocated")
        for outside in ["10.44.0.1", "10.43.0.0", "10.43.0.15"] {
            let error = await status {
                _ = try await fixture.store.create(try service("b", ["clusterIP": .string(outside)]))
            }
            #expect(
                error?.message.hasSuffix(
                    "the provided IP (\(outside)) is not in the valid range. The range of valid IPs is 10.43.0.0/28")
                    == true)
        }
        let other = await status { _ = try await fixture.store.create(try service("b", ["clusterIP": "fd00::1"])) }
        #expect(
            other?.message.contains("spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster")
                == true)
        let dual = await status {
            _ = try await fixture.store.create(try service("b", ["ipFamilyPolicy": "RequireDualStack"]))
        }
        #expect(dual?.message.contains("this cluster is not configured for dual-stack services") == true)
    }

    @Test func `headless services and external names get none`() async throws {
        let fixture = try await fixture()
        let headless = try await fixture.store.create(try service("h", ["clusterIP": "None", "selector": ["a": "b"]]))
        #expect(headless.value[path: "spec", "clusterIPs"] == ["None"])
        #expect(headless.value[path: "spec", "ipFamilies"] == ["IPv4"])
        let plain = try await fixture.store.create(try service("p", ["clusterIP": "None"]))
        #expect(plain.value[path: "spec", "ipFamilyPolicy"] == "RequireDualStack")
        let external = try await fixture.store.create(
            try service("e", ["type": "ExternalName", "externalName": "a.example"]))
        #expect(external.value[path: "spec", "clusterIP"] == nil)
        #expect(external.value[path: "spec", "ipFamilies"] == nil)
    }

    @Test func `updates keep what was given, and a type without ports gives them back`() async throws {
        let fixture = try await fixture()
        let first = try await fixture.store.create(try service("a", ["type": "NodePort"]))
        let port = try #require(node(first))
        #expect((30_000...32_767).contains(port))
        // As a manifest says it again, without what was added.
        var again = try service("a", ["type": "NodePort", "selector": ["x": "y"]])
        again.setVersion(nil)
        let updated = try await fixture.store.replace(again)
        #expect(address(updated) == address(first))
        #expect(node(updated) == port)
        let conflict = await status {
            _ = try await fixture.store.create(
                try service("b", ["type": "NodePort"], port: ["port": 81, "nodePort": .integer(Int64(port))]))
        }
        #expect(
            conflict?.message
                == "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: \(port): provided port "
                + "is already allocated")
        let low = await status {
            _ = try await fixture.store.create(
                try service("b", ["type": "NodePort"], port: ["port": 81, "nodePort": 80]))
        }
        #expect(
            low?.message.hasSuffix(
                "Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767")
                == true)
        var document = updated.value
        document[path: "spec", "type"] = "ClusterIP"
        let plain = try await fixture.store.replace(try Admission.update(document, old: updated).resource)
        #expect(node(plain) == nil)
        #expect(plain.value[path: "spec", "externalTrafficPolicy"] == nil)
        _ = try await fixture.store.create(
            try service("b", ["type": "NodePort"], port: ["port": 81, "nodePort": .integer(Int64(port))]))
        document = plain.value
        document[path: "spec", "type"] = "ExternalName"
        document[path: "spec", "externalName"] = "a.example"
        let external = try await fixture.store.replace(try Admission.update(document, old: plain).resource)
        #expect(address(external) == nil)
    }

    @Test func `what is older than the range keeps its address, and what has none gets one`() async throws {
        let folder = try Fixture.makeFolder()
        let before = try await Fixture(folder: folder)
        _ = try await before.store.create(try service("own", ["clusterIP": "10.96.0.10"]))
        _ = try await before.store.create(try service("none"))
        await before.store.close()
        let settings = ClusterSettings(rootCertificates: "PEM", serviceAddresses: AddressRange("10.43.0.0/16"))
        let after = try await Fixture(folder: folder, cluster: settings)
        try await after.store.transaction { try $0.furnishServices() }
        let own = ResourceKey(type: .service, namespace: "default", name: "own")
        let kept = try await after.store.update(own) { $0.labels["a"] = "b" }
        #expect(address(kept) == "10.96.0.10")
        let given = try await after.store.get(ResourceKey(type: .service, namespace: "default", name: "none"))
        #expect(address(given)?.hasPrefix("10.43.") == true)
    }

    @Test func `a hub allocates nothing, and two requests at once get two addresses`() async throws {
        let hub = try await Fixture(holdsMirrors: true)
        #expect(address(try await hub.store.create(try service("a"))) == nil)
        let fixture = try await fixture("10.43.0.0/24")
        let store = fixture.store
        let given = try await withThrowingTaskGroup(of: String?.self) { group in
            for number in 0..<40 {
                let service = try service("s\(number)")
                group.addTask { try await store.create(service).value[path: "spec", "clusterIP"]?.stringValue }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1 ?? "") }
        }
        #expect(given.count == 40)
    }
}

extension Resource {
    fileprivate mutating func setVersion(_ version: String?) { resourceVersion = version ?? "" }
}
