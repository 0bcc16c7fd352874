import JSON
import Testing

@testable import Resources

/// What is particular to declared kinds; their good and bad objects are in Tests/ValidationCorpus.
@Suite("Declared kinds") struct KindTests {
    private static func admit(_ kind: String, _ changes: [String: JSONValue?] = [:]) throws -> Resource {
        var value = try #require(Corpus.minimal(kind))
        for (path, change) in changes { value[at: path] = change }
        return try Manifest.admit(value).resource
    }

    @Test("every column of every declared kind has a cell")
    func columns() throws {
        for kind in Kind.all {
            let resource = try Self.admit(kind.type.kind)
            for column in kind.columns { #expect(!column.cell(resource, 0).isNull, "\(kind.type) \(column.name)") }
        }
    }

    @Test("defaults are those of Kubernetes")
    func defaults() throws {
        let expected: [(String, String, JSONValue)] = [
            ("Service", "spec.type", "ClusterIP"), ("Service", "spec.sessionAffinity", "None"),
            ("Service", "spec.ports[0].protocol", "TCP"), ("Service", "spec.ports[0].targetPort", 80),
            ("Service", "spec.internalTrafficPolicy", "Cluster"),
            ("PersistentVolume", "spec.persistentVolumeReclaimPolicy", "Retain"),
            ("PersistentVolume", "spec.volumeMode", "Filesystem"), ("PersistentVolume", "status.phase", "Pending"),
            ("PersistentVolumeClaim", "status.phase", "Pending"),
            ("LimitRange", "spec.limits[0].default", ["cpu": "1"]),
            ("LimitRange", "spec.limits[0].defaultRequest", ["cpu": "1"]),
            ("ReplicationController", "spec.selector", ["a": "b"]), ("ReplicationController", "spec.replicas", 1),
            ("DaemonSet", "spec.updateStrategy.rollingUpdate", ["maxSurge": 0, "maxUnavailable": 1]),
            ("DaemonSet", "spec.template.spec.dnsPolicy", "ClusterFirst"),
            ("StatefulSet", "spec.podManagementPolicy", "OrderedReady"),
            ("StatefulSet", "spec.updateStrategy.rollingUpdate.partition", 0),
            ("Job", "spec.completions", 1), ("Job", "spec.parallelism", 1), ("Job", "spec.backoffLimit", 6),
            ("Job", "spec.completionMode", "NonIndexed"),
            ("CronJob", "spec.concurrencyPolicy", "Allow"), ("CronJob", "spec.successfulJobsHistoryLimit", 3),
            ("CronJob", "spec.jobTemplate.spec.template.spec.schedulerName", "default-scheduler"),
            ("HorizontalPodAutoscaler", "spec.minReplicas", 1),
            ("HorizontalPodAutoscaler", "spec.metrics[0].resource.target.averageUtilization", 80),
            ("NetworkPolicy", "spec.policyTypes", ["Ingress"]),
            ("NetworkPolicy", "spec.ingress[0].ports[0].protocol", "TCP"),
            ("RoleBinding", "roleRef.apiGroup", "rbac.authorization.k8s.io"),
            ("RoleBinding", "subjects[0].apiGroup", "rbac.authorization.k8s.io"),
            ("PriorityClass", "preemptionPolicy", "PreemptLowerPriority"),
            ("StorageClass", "reclaimPolicy", "Delete"), ("StorageClass", "volumeBindingMode", "Immediate"),
        ]
        for (kind, path, value) in expected {
            #expect(try Self.admit(kind).value[at: path] == value, "\(kind) \(path)")
        }
    }

    @Test("what may not change is refused on an update")
    func immutableFields() throws {
        let cases: [(String, String, JSONValue, String)] = [
            (
                "DaemonSet", "spec.selector", ["matchLabels": ["a": "b"], "matchExpressions": []],
                #"spec.selector: Invalid value: {"matchExpressions":[],"matchLabels":{"a":"b"}}: field is immutable"#
            ),
            (
                "StatefulSet", "spec.serviceName", "other",
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
            ),
            ("Job", "spec.completions", 2, "spec.completions: Invalid value: 2: field is immutable"),
            (
                "IngressClass", "spec.controller", "b.example/c",
                #"spec.controller: Invalid value: "b.example/c": field is immutable"#
            ),
            (
                "RoleBinding", "roleRef.name", "other",
                #"roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"other"}: cannot change roleRef"#
            ),
            ("PriorityClass", "value", 11, "value: Forbidden: may not be changed in an update."),
            ("StorageClass", "provisioner", "b", "provisioner: Forbidden: updates to provisioner are forbidden."),
            ("ControllerRevision", "data", ["a": 2], #"data: Invalid value: {"a":2}: field is immutable"#),
            ("EndpointSlice", "addressType", "FQDN", #"addressType: Invalid value: "FQDN": field is immutable"#),
        ]
        for (kind, path, value, message) in cases {
            let old = try Self.admit(kind)
            var new = old.value
            new[at: path] = value
            do {
                _ = try Admission.update(new, old: old)
                Issue.record("\(kind) \(path) was changed")
            } catch {
                #expect(error.message.hasSuffix("\" is invalid: \(message)"), "\(error.message)")
            }
        }
    }

    @Test("a service of very many ports is judged at once, and names that come twice are told")
    func manyPorts() throws {
        var value = try #require(Corpus.minimal("Service"))
        value[path: "spec", "ports"] = .array(
            (1...20_000).map { ["name": .string("p\($0)"), "port": .integer(Int64($0))] })
        let start = ContinuousClock.now
        _ = try Manifest.admit(value)
        #expect(ContinuousClock.now - start < .seconds(30))
        value[path: "spec", "ports"] = [["name": "a", "port": 80], ["name": "a", "port": 81]]
        let error = #expect(throws: StatusError.self) { try Manifest.admit(value) }
        #expect(error?.message.hasSuffix("spec.ports[1].name: Duplicate value: \"a\"") == true)
    }

    @Test("no other port is given the number that a port of the service asks for")
    func namedNodePorts() throws {
        let range = try #require(AddressRange("10.43.0.0/24"))
        func completed(_ spec: JSONValue) throws -> JSONValue {
            var service = Resource(value: ["metadata": ["name": "s"], "spec": spec], type: .service)
            var allocator = ServiceAllocator(range: range, services: []) { 100 }
            try allocator.complete(&service)
            return service.value
        }
        let two = try completed([
            "type": "NodePort",
            "ports": [
                ["port": 80, "protocol": "TCP"], ["port": 443, "protocol": "TCP", "nodePort": 30_100],
            ],
        ])
        #expect(two.list("spec", "ports").map { $0["nodePort"] } == [30_101, 30_100])
        let checked = try completed([
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30_100,
            "ports": [["port": 80, "protocol": "TCP"]],
        ])
        #expect(checked.list("spec", "ports").map { $0["nodePort"] } == [30_101])
    }

    @Test("the status is written apart from the rest")
    func statusIsApart() throws {
        let old = try Self.admit("Job")
        var new = old.value
        new[path: "status", "succeeded"] = 1
        #expect(try Admission.update(new, old: old).resource.value["status"] == nil)
        new[path: "spec", "parallelism"] = 7
        let written = try Admission.update(new, old: old, subresource: .status).resource
        #expect(written.value[path: "status", "succeeded"] == 1)
        #expect(written.value[path: "spec", "parallelism"] == 1)
    }

    @Test("unknown fields are refused by name, wrong types with Go's words")
    func structure() throws {
        do {
            _ = try Self.admit("Service", ["spec.ports[0].prot": "TCP"])
            Issue.record("admitted")
        } catch let error as StatusError {
            #expect(
                error.message
                    == "Service in version \"v1\" cannot be handled as a Service: strict decoding error: unknown field \"spec.ports[0].prot\""
            )
        }
        do {
            _ = try Self.admit("Service", ["spec.ports[0].port": "80"])
            Issue.record("admitted")
        } catch let error as StatusError {
            #expect(
                error.message.hasSuffix(
                    "json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32"))
        }
    }
}
