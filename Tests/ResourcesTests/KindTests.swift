import JSON
import Testing

@testable import Resources

/// What the API answers to objects of the declared kinds, good and bad, in the words of kube-apiserver.
@Suite("Declared kinds") struct KindTests {
    private static let template =
        "{metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}], restartPolicy: Always}}"
    private static let jobTemplate = "{spec: {containers: [{name: c, image: i}], restartPolicy: Never}}"

    /// The smallest good object of each kind.
    private static let good: [String: String] = [
        "Service": "{apiVersion: v1, kind: Service, spec: {ports: [{port: 80}]}}",
        "Endpoints": "{apiVersion: v1, kind: Endpoints, subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}]}",
        "ServiceAccount": "{apiVersion: v1, kind: ServiceAccount}",
        "PersistentVolume":
            "{apiVersion: v1, kind: PersistentVolume, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}}",
        "PersistentVolumeClaim":
            "{apiVersion: v1, kind: PersistentVolumeClaim, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}",
        "ResourceQuota": "{apiVersion: v1, kind: ResourceQuota, spec: {hard: {pods: 2}}}",
        "LimitRange": "{apiVersion: v1, kind: LimitRange, spec: {limits: [{type: Container, max: {cpu: 1}}]}}",
        "PodTemplate": "{apiVersion: v1, kind: PodTemplate, template: \(template)}",
        "ReplicationController": "{apiVersion: v1, kind: ReplicationController, spec: {template: \(template)}}",
        "DaemonSet":
            "{apiVersion: apps/v1, kind: DaemonSet, spec: {selector: {matchLabels: {a: b}}, template: \(template)}}",
        "StatefulSet":
            "{apiVersion: apps/v1, kind: StatefulSet, spec: {serviceName: s, selector: {matchLabels: {a: b}}, template: \(template)}}",
        "ControllerRevision": "{apiVersion: apps/v1, kind: ControllerRevision, revision: 1, data: {a: 1}}",
        "Job": "{apiVersion: batch/v1, kind: Job, spec: {template: \(jobTemplate)}}",
        "CronJob":
            "{apiVersion: batch/v1, kind: CronJob, spec: {schedule: '*/5 * * * *', jobTemplate: {spec: {template: \(jobTemplate)}}}}",
        "HorizontalPodAutoscaler":
            "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, spec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: d}}}",
        "PodDisruptionBudget":
            "{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}}",
        "EndpointSlice":
            "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}], ports: [{port: 80}]}",
        "Ingress":
            "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}}",
        "IngressClass": "{apiVersion: networking.k8s.io/v1, kind: IngressClass, spec: {controller: a.example/c}}",
        "NetworkPolicy":
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, spec: {podSelector: {matchLabels: {a: b}}, ingress: [{ports: [{port: 80}]}]}}",
        "Role":
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]}",
        "ClusterRole":
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, rules: [{nonResourceURLs: [/livez], verbs: [get]}]}",
        "RoleBinding":
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}]}",
        "ClusterRoleBinding":
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, roleRef: {kind: ClusterRole, name: r}, subjects: [{kind: ServiceAccount, name: u, namespace: ns}]}",
        "Lease":
            "{apiVersion: coordination.k8s.io/v1, kind: Lease, spec: {holderIdentity: me, leaseDurationSeconds: 15}}",
        "PriorityClass": "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, value: 10}",
        "CustomResourceDefinition":
            "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, spec: {group: a.example, scope: Namespaced, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}",
        "StorageClass": "{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: a.example/p}",
    ]

    private static func admit(_ kind: String, _ changes: [String: JSONValue?] = [:]) throws -> Resource {
        let manifest = try #require(good[kind])
        return try Manifest.admit(manifest) { value in
            value[at: "metadata.name"] = kind == "CustomResourceDefinition" ? "things.a.example" : "x"
            for (path, change) in changes { value[at: path] = change }
        }.resource
    }

    @Test("there is a good object of every declared kind, which is admitted and admitted again unchanged")
    func everyKind() throws {
        #expect(Set(Self.good.keys) == Set(Kind.all.map(\.type.kind)))
        for kind in Self.good.keys {
            let first = try Self.admit(kind)
            let again = try Admission.update(first.value, old: first).resource
            #expect(again == first, "\(kind)")
            for column in Kind.of(first.type)?.columns ?? [] { _ = column.cell(first, 0) }
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

    @Test("bad objects are refused with the error of a real API server", arguments: Self.bad)
    func refusals(bad: Bad) throws {
        do {
            _ = try Self.admit(bad.kind, [bad.path: bad.value])
            Issue.record("it was admitted")
        } catch let error as StatusError {
            let parts = error.message.split(separator: "\" is invalid: ", maxSplits: 1)
            #expect(parts.last.map(String.init) == bad.message)
        }
    }

    /// One change that makes a good object bad, and the answer.
    struct Bad: Sendable, CustomTestStringConvertible {
        let kind: String
        let path: String
        let value: JSONValue?
        let message: String
        var testDescription: String { "\(kind): \(message)" }

        init(_ kind: String, _ path: String, _ value: JSONValue?, _ message: String) {
            (self.kind, self.path, self.value, self.message) = (kind, path, value, message)
        }
    }

    static let bad: [Bad] = [
        Bad(
            "Service", "metadata.name", "1x",
            #"metadata.name: Invalid value: "1x": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad("Service", "spec.ports", nil, #"spec.ports: Required value"#),
        Bad(
            "Service", "spec.ports[0].port", 0,
            #"[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive]"#
        ),
        Bad(
            "Service", "spec.ports[0].port", 70000,
            #"[spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive]"#
        ),
        Bad(
            "Service", "spec.ports[0].protocol", "ICMP",
            #"spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP""#),
        Bad(
            "Service", "spec.ports[0].name", "A",
            #"spec.ports[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad(
            "Service", "spec.ports[0].nodePort", 70000,
            #"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"#),
        Bad(
            "Service", "spec.type", "Other",
            #"spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort""#
        ),
        Bad(
            "Service", "spec.sessionAffinity", "Cookie",
            #"spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None""#),
        Bad("Service", "spec.type", "ExternalName", #"spec.externalName: Required value"#),
        Bad(
            "Service", "spec.clusterIP", "10.0.0",
            #"spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
        ),
        Bad(
            "Service", "spec.ports", [["port": 80], ["port": 81]],
            #"[spec.ports[0].name: Required value, spec.ports[1].name: Required value]"#),
        Bad(
            "Service", "spec.ports", [["port": 80, "name": "a"], ["port": 81, "name": "a"]],
            #"spec.ports[1].name: Duplicate value: "a""#),
        Bad(
            "Service", "spec.ports", [["port": 80, "name": "a"], ["port": 80, "name": "b"]],
            #"spec.ports[1]: Duplicate value: "TCP/80""#),
        Bad(
            "Endpoints", "subsets[0].addresses", [],
            #"subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"#),
        Bad(
            "Endpoints", "subsets[0].addresses[0].ip", "a",
            #"subsets[0].addresses[0].ip: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
        ),
        Bad(
            "Endpoints", "subsets[0].ports[0].port", 0,
            #"subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"#),
        Bad("PersistentVolume", "spec.accessModes", [], #"spec.accessModes: Required value"#),
        Bad(
            "PersistentVolume", "spec.accessModes", ["Some"],
            #"spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod""#
        ),
        Bad("PersistentVolume", "spec.capacity", nil, #"spec.capacity: Required value"#),
        Bad("PersistentVolume", "spec.hostPath", nil, #"spec: Required value: must specify a volume type"#),
        Bad(
            "PersistentVolume", "spec.nfs", ["server": "s", "path": "/"],
            #"spec: Forbidden: may not specify more than 1 volume type"#),
        Bad(
            "PersistentVolume", "spec.volumeMode", "Tape",
            #"spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem""#),
        Bad(
            "PersistentVolumeClaim", "spec.accessModes", ["ReadWriteOncePod", "ReadWriteOnce"],
            #"spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"#),
        Bad("PersistentVolumeClaim", "spec.resources", nil, #"spec.resources[storage]: Required value"#),
        Bad(
            "ResourceQuota", "spec.hard", ["pods": "-1"],
            #"spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0"#),
        Bad(
            "LimitRange", "spec.limits", [["type": "Pod"], ["type": "Pod"]],
            #"spec.limits[1].type: Duplicate value: "Pod""#),
        Bad("PodTemplate", "template.spec.containers", [], #"template.spec.containers: Required value"#),
        Bad(
            "ReplicationController", "spec.replicas", -1,
            #"spec.replicas: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "DaemonSet", "spec.selector", ["matchLabels": ["c": "d"]],
            #"spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`"#),
        Bad(
            "DaemonSet", "spec.template.spec.restartPolicy", "Never",
            #"spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always""#),
        Bad(
            "DaemonSet", "spec.updateStrategy", ["type": "Sometimes"],
            #"spec.updateStrategy.type: Unsupported value: "Sometimes": supported values: "OnDelete", "RollingUpdate""#),
        Bad(
            "StatefulSet", "spec.podManagementPolicy", "Chaos",
            #"spec.podManagementPolicy: Unsupported value: "Chaos": supported values: "OrderedReady", "Parallel""#),
        Bad(
            "StatefulSet", "spec.replicas", -2, #"spec.replicas: Invalid value: -2: must be greater than or equal to 0"#
        ),
        Bad("StatefulSet", "spec.selector", nil, #"spec.selector: Required value"#),
        Bad("ControllerRevision", "revision", -1, #"revision: Invalid value: -1: must be greater than or equal to 0"#),
        Bad("ControllerRevision", "data", nil, #"data: Required value: data is mandatory"#),
        Bad(
            "Job", "spec.template.spec.restartPolicy", "Always",
            #"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#),
        Bad("Job", "spec.parallelism", -1, #"spec.parallelism: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "Job", "spec.completionMode", "Some",
            #"spec.completionMode: Unsupported value: "Some": supported values: "Indexed", "NonIndexed""#),
        Bad(
            "Job", "spec.backoffLimit", -1, #"spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"#
        ),
        Bad("CronJob", "spec.schedule", "", #"spec.schedule: Required value"#),
        Bad(
            "CronJob", "spec.schedule", "* * *",
            #"spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]"#),
        Bad(
            "CronJob", "spec.schedule", "61 * * * *",
            #"spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61"#),
        Bad(
            "CronJob", "spec.schedule", "a * * * *",
            #"spec.schedule: Invalid value: "a * * * *": failed to parse int from a"#),
        Bad(
            "CronJob", "spec.schedule", "*/0 * * * *",
            #"spec.schedule: Invalid value: "*/0 * * * *": step of range should be a positive number: */0"#),
        Bad(
            "CronJob", "spec.schedule", "5-1 * * * *",
            #"spec.schedule: Invalid value: "5-1 * * * *": beginning of range (5) beyond end of range (1): 5-1"#),
        Bad(
            "CronJob", "spec.schedule", "@often",
            #"spec.schedule: Invalid value: "@often": unrecognized descriptor: @often"#),
        Bad(
            "CronJob", "spec.concurrencyPolicy", "Maybe",
            #"spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace""#),
        Bad(
            "HorizontalPodAutoscaler", "spec.maxReplicas", 0,
            #"[spec.maxReplicas: Invalid value: 0: must be greater than 0, spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`]"#
        ),
        Bad(
            "HorizontalPodAutoscaler", "spec.minReplicas", 5,
            #"spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"#),
        Bad(
            "HorizontalPodAutoscaler", "spec.scaleTargetRef", ["kind": "Deployment"],
            #"spec.scaleTargetRef.name: Required value"#),
        Bad(
            "PodDisruptionBudget", "spec.minAvailable", -1,
            #"spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"#),
        Bad("EndpointSlice", "addressType", "", #"addressType: Required value"#),
        Bad(
            "EndpointSlice", "endpoints[0].addresses", ["a"],
            #"endpoints[0].addresses[0]: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
        ),
        Bad(
            "Ingress", "spec.rules", [],
            #"spec: Invalid value: {"rules":[]}: either `defaultBackend` or `rules` must be specified"#),
        Bad(
            "Ingress", "spec.rules[0].http.paths[0].pathType", nil,
            #"spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"#),
        Bad(
            "Ingress", "spec.rules[0].http.paths[0].path", "x",
            #"spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path"#),
        Bad(
            "Ingress", "spec.rules[0].host", "_",
            #"spec.rules[0].host: Invalid value: "_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "Ingress", "spec.rules[0].http.paths[0].backend.service.port", nil,
            #"spec.rules[0].http.paths[0].backend: Required value: port name or number is required"#),
        Bad("IngressClass", "spec.controller", "", #"spec.controller: Required value"#),
        Bad(
            "NetworkPolicy", "spec.policyTypes", ["Sideways"],
            #"spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Egress", "Ingress""#),
        Bad("Role", "rules[0].verbs", [], #"rules[0].verbs: Required value: verbs must contain at least one value"#),
        Bad(
            "Role", "rules[0].apiGroups", [],
            #"rules[0].apiGroups: Required value: resource rules must supply at least one api group"#),
        Bad(
            "Role", "rules[0].resources", [],
            #"rules[0].resources: Required value: resource rules must supply at least one resource"#),
        Bad("Role", "metadata.name", "a/b", #"metadata.name: Invalid value: "a/b": may not contain '/'"#),
        Bad(
            "Role", "rules", [["nonResourceURLs": ["/x"], "verbs": ["get"]]],
            #"rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs"#),
        Bad(
            "RoleBinding", "roleRef.kind", "User",
            #"roleRef.kind: Unsupported value: "User": supported values: "ClusterRole", "Role""#),
        Bad("RoleBinding", "roleRef.name", "", #"roleRef.name: Required value"#),
        Bad(
            "RoleBinding", "subjects[0].kind", "Robot",
            #"subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User""#),
        Bad("ClusterRoleBinding", "subjects[0].namespace", nil, #"subjects[0].namespace: Required value"#),
        Bad(
            "Lease", "spec.leaseDurationSeconds", 0,
            #"spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"#),
        Bad(
            "PriorityClass", "value", 1_000_000_001,
            #"value: Forbidden: maximum allowed value of a user defined priority is 1000000000"#),
        Bad(
            "PriorityClass", "metadata.name", "system-x",
            #"metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only"#),
        Bad("StorageClass", "provisioner", "", #"provisioner: Required value"#),
        Bad(
            "StorageClass", "reclaimPolicy", "Recycle",
            #"reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain""#),
    ]

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
