import JSON
import ResourceStore
import Resources
import Testing

@Suite struct NamespacePoliciesTests {
    private static func pod(_ name: String, _ requests: JSONValue = [:], _ limits: JSONValue = [:]) -> Resource {
        var pod = Fixture.pod(name)
        pod.value[path: "spec", "containers"] = [
            ["name": "c", "image": "x", "resources": ["requests": requests, "limits": limits]]
        ]
        return pod
    }

    private static func object(_ type: ResourceType, _ spec: JSONValue) -> Resource {
        Resource(value: ["metadata": ["name": "rule", "namespace": "default"], "spec": spec], type: type)
    }

    // MARK: Quotas

    @Test func `the last of a quota goes to one, and comes back with him`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Self.object(.resourceQuota, ["hard": ["pods": "1"]]))
        let first = try await fixture.store.create(Fixture.pod("a"))
        let error = await status { _ = try await fixture.store.create(Fixture.pod("b")) }
        #expect(error?.code == 403)
        #expect(
            error?.message
                == "pods \"b\" is forbidden: exceeded quota: rule, requested: pods=1, used: pods=1, limited: pods=1")
        _ = try await fixture.store.delete(first.key, DeleteOptions(gracePeriodSeconds: 0))
        _ = try await fixture.store.create(Fixture.pod("b"))
    }

    @Test func `a pod that has ended uses nothing`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Self.object(.resourceQuota, ["hard": ["pods": "1"]]))
        let first = try await fixture.store.create(Fixture.pod("a"))
        try await fixture.store.update(first.key, subresource: .status) { $0.value["status"] = ["phase": "Succeeded"] }
        _ = try await fixture.store.create(Fixture.pod("b"))
    }

    @Test func `what a quota counts must be asked for, and is added up`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(
            Self.object(.resourceQuota, ["hard": ["requests.cpu": "1", "limits.memory": "100Mi"]]))
        let silent = await status { _ = try await fixture.store.create(Self.pod("a")) }
        #expect(
            silent?.message
                == "pods \"a\" is forbidden: failed quota: rule: must specify limits.memory for: c; requests.cpu for: c"
        )
        _ = try await fixture.store.create(Self.pod("a", ["cpu": "600m"], ["memory": "60Mi"]))
        let more = await status {
            _ = try await fixture.store.create(Self.pod("b", ["cpu": "500m"], ["memory": "50Mi"]))
        }
        #expect(
            more?.message
                == "pods \"b\" is forbidden: exceeded quota: rule, requested: limits.memory=50Mi,requests.cpu=500m, "
                + "used: limits.memory=60Mi,requests.cpu=600m, limited: limits.memory=100Mi,requests.cpu=1")
        _ = try await fixture.store.create(Self.pod("b", ["cpu": "400m"], ["memory": "40Mi"]))
    }

    @Test func `scopes choose pods, and counts name any kind`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(
            Self.object(.resourceQuota, ["hard": ["pods": "0", "count/configmaps": "1"], "scopes": ["BestEffort"]]))
        #expect(await status { _ = try await fixture.store.create(Self.pod("a")) }?.code == 403)
        _ = try await fixture.store.create(Self.pod("a", ["cpu": "1"]))
        var counting = Self.object(.resourceQuota, ["hard": ["count/deployments.apps": "1"]])
        counting.value[path: "metadata", "name"] = "counting"
        _ = try await fixture.store.create(counting)
        _ = try await fixture.store.create(Fixture.deployment("a"))
        #expect(
            await status { _ = try await fixture.store.create(Fixture.deployment("b")) }?.message
                == "deployments.apps \"b\" is forbidden: exceeded quota: counting, requested: count/deployments.apps=1, "
                + "used: count/deployments.apps=1, limited: count/deployments.apps=1")
    }

    @Test func `a service that grows into node ports is judged by what it adds`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(
            Self.object(.resourceQuota, ["hard": ["services": "1", "services.nodeports": "1"]]))
        let ports: [JSONValue] = [["name": "a", "port": 80], ["name": "b", "port": 81]]
        let service = Resource(
            value: [
                "metadata": ["name": "s", "namespace": "default"],
                "spec": ["type": "ClusterIP", "ports": .array(ports)],
            ], type: .service)
        let key = try await fixture.store.create(service).key
        let error = await status {
            try await fixture.store.update(key) { $0.value[path: "spec", "type"] = "NodePort" }
        }
        #expect(error?.code == 403)
        #expect(
            error?.message
                == "services \"s\" is forbidden: exceeded quota: rule, requested: services.nodeports=2, used: "
                + "services.nodeports=0, limited: services.nodeports=1")
        // The service itself is counted already, and one port may be had.
        try await fixture.store.update(key) {
            $0.value[path: "spec", "ports"] = .array(Array(ports.prefix(1)))
            $0.value[path: "spec", "type"] = "NodePort"
        }
        try await fixture.store.update(key) { $0.labels["a"] = "b" }
        let second = await status {
            try await fixture.store.update(key) { $0.value[path: "spec", "ports"] = .array(ports) }
        }
        #expect(second?.message.contains("requested: services.nodeports=1, used: services.nodeports=1") == true)
    }

    private static func size(_ text: String) -> JSONValue {
        ["resources": ["requests": ["storage": .string(text)]]]
    }

    @Test func `a claim that grows is judged by what it adds`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Self.object(.resourceQuota, ["hard": ["requests.storage": "3Gi"]]))
        let key = try await fixture.store.create(Self.object(.persistentVolumeClaim, Self.size("2Gi"))).key
        let error = await status {
            try await fixture.store.update(key) { $0.value["spec"] = Self.size("4Gi") }
        }
        #expect(error?.message.contains("requested: requests.storage=2Gi, used: requests.storage=2Gi") == true)
        try await fixture.store.update(key) { $0.value["spec"] = Self.size("3Gi") }
    }

    @Test func `a device's pod at the hub is not judged again`() async throws {
        for isHub in [true, false] {
            let fixture = try await Fixture(holdsMirrors: isHub)
            _ = try await fixture.store.create(Self.object(.resourceQuota, ["hard": ["pods": "0"]]))
            var mirror = Fixture.pod("a")
            mirror.labels[WherryLabels.device] = "gw"
            let pod = mirror
            // On a device the label is no way around.
            #expect(await status { _ = try await fixture.store.create(pod) }?.code == (isHub ? nil : 403))
        }
    }

    // MARK: Limit ranges

    @Test func `a container gets the defaults, and its pod says so`() async throws {
        let fixture = try await Fixture()
        let item: JSONValue = [
            "type": "Container", "default": ["memory": "64Mi"], "defaultRequest": ["memory": "32Mi", "cpu": "10m"],
        ]
        _ = try await fixture.store.create(Self.object(.limitRange, ["limits": [item]]))
        let pod = try await fixture.store.create(Self.pod("a", ["cpu": "1"]))
        let resources = pod.value[path: "spec", "containers"]?.arrayValue?.first?["resources"]
        #expect(resources?["limits"] == ["memory": "64Mi"])
        #expect(resources?["requests"] == ["memory": "32Mi", "cpu": "1"])
        #expect(
            pod.annotations["kubernetes.io/limit-ranger"]
                == "LimitRanger plugin set: memory request for container c; memory limit for container c")
    }

    @Test func `what is out of bounds is refused with every bound`() async throws {
        let fixture = try await Fixture()
        let item: JSONValue = [
            "type": "Container", "max": ["cpu": "1"], "min": ["memory": "16Mi"], "maxLimitRequestRatio": ["cpu": "2"],
        ]
        _ = try await fixture.store.create(Self.object(.limitRange, ["limits": [item]]))
        let error = await status {
            _ = try await fixture.store.create(Self.pod("a", ["cpu": "500m", "memory": "8Mi"], ["cpu": "2"]))
        }
        #expect(
            error?.message
                == "pods \"a\" is forbidden: [minimum memory usage per Container is 16Mi, but request is 8Mi, maximum cpu "
                + "usage per Container is 1, but limit is 2, cpu max limit to request ratio per Container is 2, but provided "
                + "ratio is 4.000000]")
    }

    @Test func `the greatest limit and the smallest request are only refused`() async throws {
        let fixture = try await Fixture()
        let item: JSONValue = ["type": "Container", "maxLimitRequestRatio": ["cpu": "2"]]
        _ = try await fixture.store.create(Self.object(.limitRange, ["limits": [item]]))
        let error = await status {
            _ = try await fixture.store.create(Self.pod("a", ["cpu": "1n"], ["cpu": "9223372036854775807"]))
        }
        #expect(error?.code == 403)
    }

    @Test func `the bounds of a pod are those of its sum`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(
            Self.object(.limitRange, ["limits": [["type": "Pod", "max": ["memory": "100Mi"]]]]))
        var pod = Fixture.pod("a")
        let container: (String) -> JSONValue = { name in
            [
                "name": .string(name), "image": "x",
                "resources": ["limits": ["memory": "60Mi"], "requests": ["memory": "1Mi"]],
            ]
        }
        pod.value[path: "spec", "containers"] = [container("a"), container("b")]
        let two = pod
        #expect(
            await status { _ = try await fixture.store.create(two) }?.message
                == "pods \"a\" is forbidden: maximum memory usage per Pod is 100Mi, but limit is 120Mi")
    }

    // MARK: Pod security

    @Test func `a namespace's label refuses a privileged pod`() async throws {
        let fixture = try await Fixture()
        let key = ResourceKey(type: .namespace, namespace: nil, name: "default")
        try await fixture.store.update(key) { $0.labels["pod-security.kubernetes.io/enforce"] = "baseline" }
        var pod = Fixture.pod("a")
        pod.value[path: "spec", "containers"] = [
            ["name": "c", "image": "x", "securityContext": ["privileged": true]]
        ]
        let privileged = pod
        #expect(
            await status { _ = try await fixture.store.create(privileged) }?.message
                == "pods \"a\" is forbidden: violates PodSecurity \"baseline:latest\": privileged (container \"c\" must not "
                + "set securityContext.privileged=true)")
        _ = try await fixture.store.create(Fixture.pod("a"))
    }
}
