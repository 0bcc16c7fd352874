import JSON
import Linux
import Testing

@testable import Resources

/// Fields and kinds that are stored and change nothing, and what their writer is told.
@Suite("What has no effect")
struct IneffectiveTests {
    /// A pod that says nothing in vain.
    private static let plain = """
        apiVersion: v1
        kind: Pod
        metadata: {name: p, labels: {app: p}}
        spec:
          initContainers:
          - {name: i, image: busybox}
          containers:
          - name: c
            image: busybox
            ports: [{containerPort: 80}]
            resources: {limits: {cpu: 1, memory: 64Mi}, requests: {ephemeral-storage: 1Gi}}
            volumeMounts: [{name: v, mountPath: /v}]
          volumes:
          - {name: v, emptyDir: {}}
        """

    private static func warnings(_ change: (inout JSONValue) -> Void) throws -> [String] {
        Ineffective.warnings(of: try Manifest.admit(plain, .strict, change).resource, at: .device)
    }

    private static func set(_ path: String, _ value: JSONValue) throws -> [String] {
        try warnings { $0[at: "spec." + path] = value }
    }

    /// A value for each field of the table of pods.
    private static let podSamples: [String: JSONValue] = [
        "hostUsers": false, "hostnameOverride": "x", "os.name": "windows", "readinessGates": [["conditionType": "a/b"]],
        "resourceClaims": [["name": "a", "resourceClaimName": "b"]], "resources": ["limits": ["cpu": "1"]],
        "runtimeClassName": "gvisor", "schedulerName": "mine", "schedulingGates": [["name": "a/b"]],
        "securityContext.appArmorProfile.type": "RuntimeDefault", "securityContext.seLinuxOptions": ["level": "s0"],
        "securityContext.supplementalGroupsPolicy": "Strict", "securityContext.windowsOptions": ["hostProcess": true],
        "setHostnameAsFQDN": true, "shareProcessNamespace": true, "subdomain": "x",
        "volumes[].emptyDir.medium": "HugePages", "volumes[].emptyDir.sizeLimit": "1Mi",
    ]

    private static let containerSamples: [String: JSONValue] = [
        "ports[].hostPort": 8080, "resources.claims": [["name": "a"]], "resources.limits.ephemeral-storage": "1Gi",
        "resources.limits.*": ["nvidia.com/gpu": "1"], "restartPolicyRules": [["action": "Restart"]],
        "securityContext.appArmorProfile.type": "RuntimeDefault", "securityContext.procMount": "Unmasked",
        "securityContext.seLinuxOptions": ["level": "s0"], "securityContext.windowsOptions": ["hostProcess": true],
        "volumeDevices": [["name": "v", "devicePath": "/dev/x"]],
    ]

    @Test("what a pod says in vain is told, with its place and the reason", arguments: Ineffective.pods.map(\.path))
    func pods(path: String) throws {
        let sample = try #require(Self.podSamples[path], "a field needs a sample here")
        let place = path.replacing("[]", with: "[0]")
        let words = try #require(Ineffective.pods.first { $0.path == path }).words
        #expect(try Self.set(place, sample) == ["spec.\(place): has no effect: \(words)"])
    }

    @Test("what a container says in vain is told", arguments: Ineffective.containers.map(\.path))
    func containers(path: String) throws {
        let sample = try #require(Self.containerSamples[path], "a field needs a sample here")
        let words = try #require(Ineffective.containers.first { $0.path == path }).words
        let place = "containers[0].\(path.replacing("[]", with: "[0]"))"
        guard place.hasSuffix(".*") else {
            #expect(try Self.set(place, sample) == ["spec.\(place): has no effect: \(words)"])
            return
        }
        let map = String(place.dropLast(2))
        let name = try #require(sample.objectValue?.keys.first)
        #expect(try Self.set(map, sample) == ["spec.\(map)[\(name)]: has no effect: \(words)"])
    }

    @Test("containers of init are looked at, too")
    func initContainers() throws {
        #expect(
            try Self.set("initContainers[0].securityContext", ["procMount": "Unmasked"])
                == [
                    "spec.initContainers[0].securityContext.procMount: has no effect: parts of /proc stay hidden: "
                        + "a user namespace would make them safe, and pods get none"
                ])
    }

    private static let silent: [(String, JSONValue)] = [
        ("shareProcessNamespace", false), ("hostUsers", true), ("setHostnameAsFQDN", false), ("subdomain", ""),
        ("schedulerName", "default-scheduler"), ("os", ["name": "linux"]), ("resources", [:]),
        ("securityContext", ["appArmorProfile": ["type": "Unconfined"], "seLinuxOptions": [:]]),
        ("securityContext", ["supplementalGroupsPolicy": "Merge", "fsGroup": 1, "fsGroupChangePolicy": "Always"]),
        ("securityContext", ["runAsUser": 1, "sysctls": [["name": "net.core.somaxconn", "value": "9"]]]),
        ("volumes[0].emptyDir", ["medium": "Memory", "sizeLimit": "1Mi"]), ("volumes[0].emptyDir.sizeLimit", "0"),
        ("containers[0].securityContext", ["procMount": "Default"]),
        ("containers[0].securityContext", ["procMount": "Unmasked", "privileged": true]),
        ("containers[0].ports[0].hostPort", 0),
        ("affinity", ["podAntiAffinity": ["requiredDuringSchedulingIgnoredDuringExecution": [["topologyKey": "a"]]]]),
        ("topologySpreadConstraints", [["maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"]]),
        ("priorityClassName", "system-node-critical"), ("enableServiceLinks", false),
        ("containers[0].resizePolicy", [["resourceName": "cpu", "restartPolicy": "NotRequired"]]),
    ]

    @Test("what happens anyway, and what nobody misses on one device, is silent", arguments: silent.indices)
    func silence(index: Int) throws {
        let (path, value) = Self.silent[index]
        #expect(try Self.set(path, value) == [])
    }

    @Test("ports of the host's network are the machine's")
    func hostPorts() throws {
        let warnings = try Self.warnings {
            $0[at: "spec.hostNetwork"] = true
            $0[at: "spec.containers[0].ports[0].hostPort"] = 80
        }
        #expect(warnings == [])
    }

    @Test("templates are told of with their own path", arguments: ["Deployment", "ReplicaSet"])
    func templates(kind: String) throws {
        let resource = try Manifest.admit(Manifest.deployment) {
            $0["kind"] = .string(kind)
            $0[at: "spec.template.spec.shareProcessNamespace"] = true
        }.resource
        let warnings = Ineffective.warnings(of: resource, at: .device)
        #expect(warnings.count == 1)
        #expect(warnings.first?.hasPrefix("spec.template.spec.shareProcessNamespace: has no effect: ") == true)
        #expect(Ineffective.warnings(of: try Manifest.admit(Manifest.deployment).resource, at: .device) == [])
    }

    @Test("an update tells of what is new only")
    func updates() throws {
        let old = try Manifest.admit(Manifest.deployment) { $0[at: "spec.template.spec.subdomain"] = "a" }.resource
        var new = old
        new.value[at: "spec.replicas"] = 5
        #expect(Ineffective.warnings(of: new, replacing: old, at: .device) == [])
        new.value[at: "spec.template.spec.hostUsers"] = false
        let told = Ineffective.warnings(of: new, replacing: old, at: .device)
        #expect(told.map { $0.prefix { $0 != ":" } } == ["spec.template.spec.hostUsers"])
    }

    @Test("one write has at most ten warnings")
    func bound() throws {
        let containers: [JSONValue] = (0..<12).map {
            ["name": .string("c\($0)"), "image": "x", "resources": ["limits": ["ephemeral-storage": "1Gi"]]]
        }
        let warnings = try Self.set("containers", .array(containers))
        #expect(warnings.count == 10 && warnings.last == "3 more fields have no effect")
    }

    @Test("a kind that nothing acts on says so once", arguments: Ineffective.kinds.keys.map(\.kind).sorted())
    func kinds(kind: String) throws {
        let type = try #require(Ineffective.kinds.keys.first { $0.kind == kind })
        let pod: JSONValue = ["shareProcessNamespace": true, "containers": []]
        let object = Resource(value: ["metadata": ["name": "x"], "spec": ["template": ["spec": pod]]], type: type)
        let warnings = Ineffective.warnings(of: object, at: .device)
        #expect(warnings.count == 1 && warnings[0].hasPrefix("\(kind): has no effect: "))
        #expect(Ineffective.warnings(of: object, replacing: object, at: .device) == [])
    }

    @Test("a hub tells what it does not send to devices; a device acts on it")
    func hub() {
        let taints: JSONValue = [["key": "a", "effect": "NoExecute"], ["key": "b", "effect": "NoSchedule"]]
        let node = Resource(value: ["spec": ["taints": taints, "unschedulable": true]], type: .node)
        #expect(Ineffective.warnings(of: node, at: .device) == [])
        let there = Ineffective.warnings(of: node, at: .hub).map { $0.prefix { $0 != ":" } }
        #expect(there == ["spec.taints", "spec.unschedulable"])
        for type in [ResourceType.replicaSet, .podDisruptionBudget] {
            let object = Resource(value: ["metadata": ["name": "x"]], type: type)
            #expect(Ineffective.warnings(of: object, at: .device) == [])
            #expect(Ineffective.warnings(of: object, at: .hub).count == 1)
        }
    }
}
