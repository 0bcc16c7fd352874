import JSON
import Resources
import Testing

@Suite struct AdmissionTests {
    @Test func deploymentGetsTheDefaultsOfKubernetes() throws {
        let (resource, warnings) = try Manifest.admit(Manifest.deployment)
        #expect(warnings.isEmpty)
        let value = resource.value
        #expect(value["apiVersion"] == "apps/v1")
        #expect(value[at: "metadata.namespace"] == "default")
        #expect(value[at: "metadata.creationTimestamp"] == nil)
        #expect(
            value[at: "spec.strategy"] == [
                "type": "RollingUpdate", "rollingUpdate": ["maxSurge": "25%", "maxUnavailable": "25%"],
            ])
        #expect(value[at: "spec.revisionHistoryLimit"] == 10)
        #expect(value[at: "spec.progressDeadlineSeconds"] == 600)
        let spec = try #require(value[at: "spec.template.spec"])
        #expect(spec["restartPolicy"] == "Always")
        #expect(spec["terminationGracePeriodSeconds"] == 30)
        #expect(spec["dnsPolicy"] == "ClusterFirst")
        #expect(spec["securityContext"] == [:])
        #expect(spec["schedulerName"] == "default-scheduler")
        #expect(spec[at: "affinity.nodeAffinity"] != nil)
        #expect(spec[at: "topologySpreadConstraints[0].maxSkew"] == 1)
        #expect(spec[at: "volumes[0].configMap.defaultMode"] == 420)
        let container = try #require(spec[at: "containers[0]"])
        #expect(container["imagePullPolicy"] == "IfNotPresent")
        #expect(container[at: "ports[0].protocol"] == "TCP")
        #expect(container["terminationMessagePath"] == "/dev/termination-log")
        #expect(container[at: "env[0].valueFrom.fieldRef.apiVersion"] == "v1")
        #expect(
            container["resources"] == [
                "limits": ["memory": "64Mi", "cpu": "500m"], "requests": ["memory": "64Mi", "cpu": "500m"],
            ])
        #expect(
            container["livenessProbe"] == [
                "httpGet": ["path": "/", "port": "http", "scheme": "HTTP"], "timeoutSeconds": 1, "periodSeconds": 10,
                "successThreshold": 1, "failureThreshold": 3,
            ])
    }

    @Test func admittedObjectIsAdmittedAgainUnchanged() throws {
        let first = try Manifest.admit(Manifest.deployment).resource
        let again = try Admission.update(first.value, old: first).resource
        #expect(again == first)
        let pod = try Manifest.admit(Manifest.pod).resource
        #expect(try Admission.update(pod.value, old: pod).resource == pod)
    }

    @Test(arguments: [
        ("busybox", "Always"), ("busybox:latest", "Always"), ("busybox:1", "IfNotPresent"), ("r:5000/b", "Always"),
        ("r:5000/b:1", "IfNotPresent"), ("b@sha256:00", "IfNotPresent"),
    ])
    func pullPolicyFollowsTheTag(_ image: String, _ policy: String) throws {
        let pod = try Manifest.admit(Manifest.pod) { $0[at: "spec.containers[0].image"] = .string(image) }.resource
        #expect(pod.value[at: "spec.containers[0].imagePullPolicy"] == .string(policy))
        #expect(pod.value[at: "status"] == ["phase": "Pending", "qosClass": "BestEffort"])
    }

    @Test func unknownFieldIsRefusedWarnedOfOrIgnored() throws {
        func addUnknown(_ value: inout JSONValue) {
            value[at: "spec.template.spec.containers[0].imagee"] = "x"
            value["foo"] = 1
        }
        let error = try Manifest.refusal(Manifest.deployment, addUnknown)
        #expect(error?.reason == .badRequest)
        #expect(
            error?.message
                == #"Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "foo", unknown field "spec.template.spec.containers[0].imagee""#
        )
        let warned = try Manifest.admit(Manifest.deployment, .warn, addUnknown)
        #expect(
            warned.warnings == [#"unknown field "foo""#, #"unknown field "spec.template.spec.containers[0].imagee""#])
        #expect(warned.resource == (try Manifest.admit(Manifest.deployment).resource))
        #expect(try Manifest.admit(Manifest.deployment, .ignore, addUnknown).warnings.isEmpty)
    }

    @Test(
        arguments: [
            (
                "spec.replicas", "x",
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
            ),
            (
                "spec.replicas", 3_000_000_000,
                "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"
            ),
            (
                "spec.replicas", 1.5,
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"
            ),
            (
                "spec.template.spec.containers", "x",
                "json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container"
            ),
            (
                "spec.template.spec.containers[0].image", 5,
                "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string"
            ),
            (
                "metadata.labels", ["a": 1],
                "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
            ),
            (
                "spec.template.spec.hostNetwork", "true",
                "json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.hostNetwork of type bool"
            ),
            (
                "spec.template.spec.containers[0].resources.limits", ["cpu": "1x"],
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            ),
            (
                "metadata.creationTimestamp", "x",
                "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as a time"
            ),
            ("spec", [], "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
        ] as [(String, JSONValue, String)])
    func wrongTypeIsRefusedInTheWordsOfGo(_ path: String, _ value: JSONValue, _ why: String) throws {
        let error = try Manifest.refusal(Manifest.deployment) { $0[at: path] = value }
        #expect(error?.code == 400)
        #expect(error?.message == "Deployment in version \"v1\" cannot be handled as a Deployment: \(why)")
    }

    @Test(
        arguments: [
            ("spec.template.spec.containers[0].image", nil, "spec.template.spec.containers[0].image: Required value"),
            ("spec.template.spec.containers[0].name", nil, "spec.template.spec.containers[0].name: Required value"),
            ("spec.template.spec.containers", nil, "spec.template.spec.containers: Required value"),
            ("spec.selector", nil, "spec.selector: Required value"),
            ("spec.replicas", -1, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
            (
                "spec.template.metadata.labels.app", "b",
                "spec.template.metadata.labels: Invalid value: {\"app\":\"b\"}: `selector` does not match template `labels`"
            ),
            (
                "spec.template.spec.restartPolicy", "Never",
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""
            ),
            (
                "spec.template.spec.restartPolicy", "Odd",
                "spec.template.spec.restartPolicy: Unsupported value: \"Odd\": supported values: \"Always\", \"OnFailure\", \"Never\""
            ),
            (
                "spec.template.spec.containers[0].ports[0].containerPort", 70000,
                "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"
            ),
            (
                "spec.template.spec.containers[0].volumeMounts[0].name", "x",
                "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"x\""
            ),
            (
                "spec.template.spec.containers[0].livenessProbe", [:],
                "spec.template.spec.containers[0].livenessProbe: Required value: must specify a handler type"
            ),
            (
                "spec.template.spec.containers[0].livenessProbe.exec", ["command": ["a"]],
                "spec.template.spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type"
            ),
            (
                "spec.template.spec.containers[0].livenessProbe.successThreshold", 2,
                "spec.template.spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"
            ),
            (
                "spec.template.spec.containers[1]", ["name": "web", "image": "x"],
                "spec.template.spec.containers[1].name: Duplicate value: \"web\""
            ),
            (
                "spec.template.spec.containers[0].resources.requests", ["cpu": 2],
                "spec.template.spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 500m"
            ),
            (
                "spec.template.spec.volumes[0].secret", ["secretName": "s"],
                "spec.template.spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type"
            ),
            (
                "spec.strategy", ["rollingUpdate": ["maxSurge": 0, "maxUnavailable": 0]],
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"
            ),
            (
                "spec.strategy", ["type": "Recreate", "rollingUpdate": ["maxSurge": 1]],
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
            ),
            (
                "spec.progressDeadlineSeconds", 0,
                "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"
            ),
            ("metadata.name", nil, "metadata.name: Required value: name or generateName is required"),
        ] as [(String, JSONValue?, String)])
    func badValueIsInvalidWithItsField(_ path: String, _ value: JSONValue?, _ why: String) throws {
        let error = try Manifest.refusal(Manifest.deployment) { $0[at: path] = value }
        #expect(error?.code == 422)
        #expect(error?.reason == .invalid)
        let name = path == "metadata.name" ? "" : "web"
        #expect(error?.message == "Deployment.apps \"\(name)\" is invalid: \(why)")
        #expect(error?.details?.causes.count == 1)
        #expect(error?.details?.kind == "Deployment")
        #expect(error?.details?.group == "apps")
    }

    @Test func severalFaultsStandInBrackets() throws {
        let error = try Manifest.refusal(Manifest.pod) {
            $0[at: "metadata.name"] = "Bad_Name"
            $0[at: "spec.containers[0].image"] = nil
            $0[at: "spec.containers[0].env"] = [["name": "A=1"], ["value": "x"]]
        }
        #expect(
            error?.message.hasPrefix(
                "Pod \"Bad_Name\" is invalid: [metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain"
            ) == true)
        #expect(error?.message.hasSuffix("]") == true)
        #expect(
            error?.details?.causes.map(\.field) == [
                "metadata.name", "spec.containers[0].image", "spec.containers[0].env[0].name",
                "spec.containers[0].env[1].name",
            ])
        #expect(
            error?.details?.causes.map(\.reason) == [
                "FieldValueInvalid", "FieldValueRequired", "FieldValueInvalid", "FieldValueRequired",
            ])
    }

    @Test func namespaceOfThePathIsTakenAndAnotherRefused() throws {
        let value = try Manifest.value(Manifest.pod)
        #expect(try Admission.create(value, type: .pod, namespace: "a").resource.namespace == "a")
        var other = value
        other[at: "metadata.namespace"] = "b"
        #expect(
            throws: StatusError.badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        ) {
            try Admission.create(other, type: .pod, namespace: "a")
        }
        #expect(throws: StatusError.self) { try Admission.create(value, type: .deployment, namespace: "a") }
        other[at: "metadata.namespace"] = nil
        other[at: "metadata.resourceVersion"] = "5"
        #expect(throws: StatusError.badRequest("resourceVersion should not be set on objects to be created")) {
            try Admission.create(other, type: .pod, namespace: "a")
        }
    }

    @Test func aDeadlineMayBeSetOrComeEarlier() throws {
        let field = "spec.activeDeadlineSeconds"
        func update(from old: JSONValue?, to new: JSONValue?) throws -> String? {
            let pod = try Manifest.admit(Manifest.pod) { $0[at: field] = old }.resource
            var changed = pod.value
            changed[at: field] = new
            do {
                return try Admission.update(changed, old: pod).resource.value[at: field] == new ? nil : "another value"
            } catch {
                return error.message
            }
        }
        #expect(try update(from: nil, to: 60) == nil)
        #expect(try update(from: 60, to: 30) == nil)
        #expect(
            try update(from: 60, to: 61)?.hasSuffix(
                "\(field): Invalid value: 61: must be less than or equal to previous value") == true)
        #expect(
            try update(from: 60, to: nil)?.hasSuffix(
                "\(field): Invalid value: null: must not update from a positive integer to nil value") == true)
    }

    @Test func updateKeepsIdentityAndStatus() throws {
        var old = try Manifest.admit(Manifest.deployment).resource
        old.value[at: "metadata.uid"] = "u"
        old.value[at: "metadata.creationTimestamp"] = "2026-01-01T00:00:00Z"
        old.value[at: "status"] = ["replicas": 3]
        var new = try Manifest.value(Manifest.deployment)
        new[at: "spec.replicas"] = 5
        new[at: "status"] = ["replicas": 9]
        let updated = try Admission.update(new, old: old).resource
        #expect(updated.uid == "u")
        #expect(updated.value[at: "metadata.creationTimestamp"] == "2026-01-01T00:00:00Z")
        #expect(updated.value[at: "status.replicas"] == 3)
        #expect(updated.value[at: "spec.replicas"] == 5)
        let status = try Admission.update(new, old: old, subresource: .status).resource
        #expect(status.value[at: "status.replicas"] == 9)
        #expect(status.value[at: "spec.replicas"] == 3)
        let scaled = try Admission.update(["spec": ["replicas": 7]], old: old, subresource: .scale).resource
        #expect(scaled.value[at: "spec.replicas"] == 7)
        #expect(try Scale.of(old)[at: "status.selector"] == "app=web")
        new[at: "metadata.uid"] = "other"
        #expect(throws: StatusError.self) { try Admission.update(new, old: old) }
        new[at: "metadata.uid"] = nil
        new[at: "metadata.name"] = "other"
        #expect(throws: StatusError.self) { try Admission.update(new, old: old) }
    }

    @Test func immutableFieldsStay() throws {
        let old = try Manifest.admit(Manifest.deployment).resource
        var new = old.value
        new[at: "spec.selector.matchLabels.app"] = "b"
        new[at: "spec.template.metadata.labels.app"] = "b"
        #expect(
            throws: StatusError.invalid(
                .deployment, name: "web",
                causes: [
                    .init(
                        reason: "FieldValueInvalid",
                        message: "Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
                        field: "spec.selector")
                ])
        ) {
            try Admission.update(new, old: old)
        }
        let pod = try Manifest.admit(Manifest.pod).resource
        var changed = pod.value
        changed[at: "spec.containers[0].image"] = "busybox:2"
        changed[at: "metadata.labels.x"] = "y"
        #expect(try Admission.update(changed, old: pod).resource.value[at: "spec.containers[0].image"] == "busybox:2")
        changed[at: "spec.containers[0].command"] = ["a"]
        #expect(throws: StatusError.self) { try Admission.update(changed, old: pod) }
    }

    @Test func secretMovesItsTextsAndChecksBase64() throws {
        let yaml = "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: hi}, data: {b: aGk=}}"
        let secret = try Manifest.admit(yaml).resource
        #expect(secret.value["data"] == ["a": "aGk=", "b": "aGk="])
        #expect(secret.value["stringData"] == nil)
        #expect(secret.value["type"] == "Opaque")
        #expect(try secret.decode(as: Secret.self).bytes(forKey: "a") == Array("hi".utf8))
        let error = try Manifest.refusal(yaml) { $0[at: "data.b"] = "a!" }
        #expect(
            error?.message
                == "Secret in version \"v1\" cannot be handled as a Secret: illegal base64 data at input byte 1")
        var frozen = secret
        frozen.value["immutable"] = true
        #expect(throws: StatusError.self) { try Admission.update(secret.value, old: frozen) }
        #expect(try Manifest.refusal(yaml) { $0["type"] = "kubernetes.io/tls" }?.details?.causes.count == 2)
        #expect(try Manifest.refusal(yaml) { $0[at: "stringData"] = ["a/b": "x"] }?.code == 422)
    }

    @Test func otherKindsAreAdmitted() throws {
        let namespace = try Manifest.admit("{apiVersion: v1, kind: Namespace, metadata: {name: prod}}").resource
        #expect(namespace.value[at: "status.phase"] == "Active")
        #expect(namespace.labels == ["kubernetes.io/metadata.name": "prod"])
        #expect(try Manifest.refusal("{apiVersion: v1, kind: Namespace, metadata: {name: a.b}}") { _ in }?.code == 422)
        #expect(
            try Manifest.admit("{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: b}}").resource.value[
                "data"] == ["a": "b"])
        #expect(
            try Manifest.admit("{apiVersion: v1, kind: Node, metadata: {name: gw}, status: {capacity: {cpu: 2}}}")
                .resource.value[at: "status.capacity.cpu"] == "2")
        #expect(
            try Manifest.admit(
                "{apiVersion: v1, kind: Event, metadata: {name: e}, involvedObject: {name: p, namespace: default}, eventTime: null}"
            ).resource.value["eventTime"] == nil)
        let set = try Manifest.value(Manifest.deployment)
        var replicaSet = set
        replicaSet["kind"] = "ReplicaSet"
        #expect(
            try Admission.create(replicaSet, type: .replicaSet, namespace: "a").resource.value[at: "status.replicas"]
                == 0)
    }

    @Test func resourceThatLacksRequiredFieldsStillDecodes() throws {
        let resource = Resource(value: ["metadata": ["name": "x"]], type: .deployment)
        let deployment = try resource.decode(as: Deployment.self)
        #expect(deployment.spec.template.spec.containers.isEmpty)
        #expect(throws: StatusError.self) {
            try Resource(value: ["spec": ["replicas": "x"]], type: .deployment).decode(as: Deployment.self)
        }
        #expect(throws: StatusError.self) { try Resource(value: ["kind": "Foo", "apiVersion": "v1"]) }
        #expect(throws: StatusError.self) { try Resource(value: []) }
    }

    @Test func typedObjectSurvivesThereAndBack() throws {
        let resource = try Manifest.admit(Manifest.deployment).resource
        let deployment = try resource.decode(as: Deployment.self)
        #expect(try Resource(encoding: deployment) == resource)
        #expect(deployment.key == resource.key)
    }
}
