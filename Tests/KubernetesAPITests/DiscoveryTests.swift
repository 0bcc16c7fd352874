import JSON
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Discovery")
struct DiscoveryTests {
    static let aggregated =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
        + "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

    @Test("the aggregated answer names its form in the content type, plain JSON gets plain lists")
    func contentType() async throws {
        try await APIServer.run { server async throws in
            let aggregated = try await server.send("GET", "/apis", accept: Self.aggregated)
            #expect(aggregated.head.contains("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"))
            #expect(try aggregated.json["kind"] == "APIGroupDiscoveryList")
            #expect(try await server.send("GET", "/apis").json["kind"] == "APIGroupList")
            #expect(try await server.send("GET", "/api").json["versions"] == ["v1"])
            #expect(try await server.send("GET", "/apis/apps/v1").json["groupVersion"] == "apps/v1")
            #expect(try await server.send("GET", "/apis/nothing").code == 404)
            #expect(try await server.send("GET", "/apis/apps/v2").code == 404)
        }
    }

    @Test("versions stand in the order in which they are preferred")
    func versions() async throws {
        let names = ["v1", "v2beta1", "foo10", "v11alpha2", "v3beta1", "v10", "foo1", "v2", "v11beta2", "v12alpha1"]
        #expect(
            names.sorted(by: VersionPriority.precedes)
                == ["v10", "v2", "v1", "v11beta2", "v3beta1", "v2beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"])
        try await APIServer.run { server async throws in
            let group = try await server.send("GET", "/apis/autoscaling").json
            #expect(group[path: "preferredVersion", "version"] == "v2")
            #expect(group["versions"]?.arrayValue?.map { $0["version"] } == ["v2", "v1"])
            #expect(try await server.send("GET", "/apis/autoscaling/v1").json["resources"]?.arrayValue?.count == 2)
        }
    }

    @Test("every type and every further form is served once, with scale and a pod's streams where they belong")
    func resources() {
        #expect(
            Set(ServedResource.all.map(\.type))
                == Set(
                    ResourceType.all + ServedForm.types + RequestKind.reviews.map(\.type)
                        + [.podMetrics, .nodeMetrics]))
        #expect(!ServedCatalog.withoutUsage.named.contains("metrics.k8s.io"))
        let parts = Dictionary(uniqueKeysWithValues: ServedResource.all.map { ($0.type, $0.parts.map(\.name)) })
        #expect(parts[.pod] == ["attach", "exec", "ephemeralcontainers", "log", "portforward", "eviction", "status"])
        #expect(parts[.deployment] == ["scale", "status"])
        #expect(parts[.configMap] == [])
    }
}
