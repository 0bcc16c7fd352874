import JSON
import Testing

@testable import Resources

/// What kube-apiserver 1.33 answers to objects of the kinds with structs: one change that makes a good object bad, and its error.
/// Together with ``KindTests`` and ``AdmissionTests`` more than 200 objects.
@Suite("Validation corpus") struct CorpusTests {
    private static let good: [String: String] = [
        "pod": Manifest.pod,
        "mounting": """
        {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x}],
        volumes: [{name: v, emptyDir: {}}]}}
        """,
        "deployment": Manifest.deployment,
        "configmap": "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: b}}",
        "secret": "{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: eA==}}",
        "namespace": "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}",
        "node": "{apiVersion: v1, kind: Node, metadata: {name: gw}}",
    ]

    struct Bad: Sendable, CustomTestStringConvertible {
        let base: String
        let path: String
        let value: JSONValue?
        let message: String
        var testDescription: String { "\(base): \(message)" }

        init(_ base: String, _ path: String, _ value: JSONValue?, _ message: String) {
            (self.base, self.path, self.value, self.message) = (base, path, value, message)
        }
    }

    @Test("the good objects are admitted")
    func admitted() throws {
        for (name, manifest) in Self.good {
            #expect(throws: Never.self, "\(name)") { try Manifest.admit(manifest) }
        }
    }

    @Test("bad objects are refused with the error of a real API server", arguments: bad)
    func refused(_ test: Bad) throws {
        let error = try Manifest.refusal(try #require(Self.good[test.base])) { $0[at: test.path] = test.value }
        let answer = try #require(error, "it was admitted")
        #expect(answer.code == 422)
        let parts = answer.message.split(separator: "\" is invalid: ", maxSplits: 1)
        #expect(parts.last.map(String.init) == test.message)
    }

    static let bad: [Bad] = [
        Bad(
            "pod", "metadata.name", "P",
            #"metadata.name: Invalid value: "P": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "pod", "metadata.name", .string(String(repeating: "a", count: 254)),
            "metadata.name: Invalid value: \"\(String(repeating: "a", count: 254))\": must be no more than 253 characters"
        ),
        Bad(
            "pod", "metadata.labels", ["a b": "x"],
            #"metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
        ),
        Bad(
            "pod", "metadata.labels", ["a": "x y"],
            #"metadata.labels: Invalid value: "x y": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#
        ),
        Bad(
            "pod", "metadata.labels", ["a": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"],
            #"metadata.labels: Invalid value: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": must be no more than 63 characters"#
        ),
        Bad(
            "pod", "metadata.labels", ["B_/a": "x"],
            #"metadata.labels: Invalid value: "B_/a": prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "pod", "metadata.annotations", ["A/B/C": "x"],
            #"metadata.annotations: Invalid value: "A/B/C": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"#
        ),
        Bad(
            "pod", "metadata.finalizers", ["a b"],
            #"metadata.finalizers: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
        ),
        Bad("pod", "spec.containers", [], #"spec.containers: Required value"#),
        Bad(
            "pod", "spec.containers[0].name", "A",
            #"spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad("pod", "spec.containers[0].image", "", #"spec.containers[0].image: Required value"#),
        Bad(
            "pod", "spec.containers[0].image", " b",
            #"spec.containers[0].image: Invalid value: " b": must not have leading or trailing whitespace"#),
        Bad(
            "pod", "spec.containers[0].imagePullPolicy", "Sometimes",
            #"spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#
        ),
        Bad(
            "pod", "spec.containers[0].terminationMessagePolicy", "x",
            #"spec.containers[0].terminationMessagePolicy: Unsupported value: "x": supported values: "FallbackToLogsOnError", "File""#
        ),
        Bad("pod", "spec.containers[0].ports", [[:]], #"spec.containers[0].ports[0].containerPort: Required value"#),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "protocol": "tcp"]],
            #"spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP""#),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "name": "a_b"]],
            #"spec.containers[0].ports[0].name: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"#
        ),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "name": "123"]],
            #"spec.containers[0].ports[0].name: Invalid value: "123": must contain at least one letter (a-z)"#),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "name": "a--b"]],
            #"spec.containers[0].ports[0].name: Invalid value: "a--b": must not contain consecutive hyphens"#),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "name": "-a"]],
            #"spec.containers[0].ports[0].name: Invalid value: "-a": must not begin or end with a hyphen"#),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "name": "abcdefghijklmnop"]],
            #"spec.containers[0].ports[0].name: Invalid value: "abcdefghijklmnop": must be no more than 15 characters"#),
        Bad(
            "pod", "spec.containers[0].ports",
            [["containerPort": 80, "name": "a"], ["containerPort": 81, "name": "a"]],
            #"spec.containers[0].ports[1].name: Duplicate value: "a""#),
        Bad(
            "pod", "spec.containers[0].ports", [["containerPort": 80, "hostPort": 70000]],
            #"spec.containers[0].ports[0].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive"#),
        Bad(
            "pod", "spec.containers[0].ports",
            [["containerPort": 80, "hostPort": 80], ["containerPort": 81, "hostPort": 80]],
            #"spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80""#),
        Bad(
            "pod", "spec.containers[0].env", [["name": "a=b"]],
            #"spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='"#
        ),
        Bad("pod", "spec.containers[0].env", [["name": ""]], #"spec.containers[0].env[0].name: Required value"#),
        Bad(
            "pod", "spec.containers[0].env",
            [["name": "A", "value": "x", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]]],
            #"spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty"#),
        Bad(
            "pod", "spec.containers[0].env", [["name": "A", "valueFrom": [:]]],
            #"spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"#
        ),
        Bad(
            "pod", "spec.containers[0].env", [["name": "A", "valueFrom": ["fieldRef": ["fieldPath": "x"]]]],
            #"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "x": error converting fieldPath: field label not supported: x"#
        ),
        Bad(
            "pod", "spec.containers[0].env", [["name": "A", "valueFrom": ["fieldRef": ["fieldPath": ""]]]],
            #"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Required value"#),
        Bad(
            "pod", "spec.containers[0].env", [["name": "A", "valueFrom": ["configMapKeyRef": ["name": "c"]]]],
            #"spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Required value"#),
        Bad(
            "pod", "spec.containers[0].env",
            [["name": "A", "valueFrom": ["secretKeyRef": ["name": "s", "key": "a/b"]]]],
            #"spec.containers[0].env[0].valueFrom.secretKeyRef.key: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"#
        ),
        Bad(
            "pod", "spec.containers[0].envFrom", [[:]],
            #"spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`"#),
        Bad(
            "pod", "spec.containers[0].envFrom", [["configMapRef": ["name": ""]]],
            #"spec.containers[0].envFrom[0].configMapRef.name: Required value"#),
        Bad(
            "pod", "spec.containers[0].resources", ["limits": ["cpu": "-1"], "requests": ["cpu": "-1"]],
            #"[spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0, spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0]"#
        ),
        Bad(
            "pod", "spec.containers[0].resources", ["requests": ["memory": "2Gi"], "limits": ["memory": "1Gi"]],
            #"spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi"#
        ),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["exec": ["command": ["a"]], "periodSeconds": -1],
            #"spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["httpGet": ["port": 0]],
            #"spec.containers[0].livenessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"#),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["httpGet": ["port": "A_"]],
            #"spec.containers[0].livenessProbe.httpGet.port: Invalid value: "A_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"#
        ),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["httpGet": ["port": 80, "scheme": "FTP"]],
            #"spec.containers[0].livenessProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS""#
        ),
        Bad(
            "pod", "spec.containers[0].livenessProbe",
            ["httpGet": ["port": 80, "httpHeaders": [["name": "a b", "value": "x"]]]],
            #"spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"#
        ),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["exec": [:]],
            #"spec.containers[0].livenessProbe.exec.command: Required value"#),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["tcpSocket": ["port": 0]],
            #"spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive"#
        ),
        Bad(
            "pod", "spec.containers[0].livenessProbe", ["grpc": ["port": 0]],
            #"spec.containers[0].livenessProbe.grpc.port: Invalid value: 0: must be between 1 and 65535, inclusive"#),
        Bad(
            "pod", "spec.containers[0].startupProbe", ["tcpSocket": ["port": 1], "successThreshold": 3],
            #"spec.containers[0].startupProbe.successThreshold: Invalid value: 3: must be 1"#),
        Bad(
            "pod", "spec.containers[0].lifecycle", ["postStart": [:]],
            #"spec.containers[0].lifecycle.postStart: Required value: must specify a handler type"#),
        Bad(
            "pod", "spec.containers[0].securityContext", ["runAsUser": -1],
            #"spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"#
        ),
        Bad(
            "pod", "spec.containers[0].securityContext", ["runAsGroup": -1],
            #"spec.containers[0].securityContext.runAsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive"#
        ),
        Bad(
            "pod", "spec.containers[0].securityContext", ["procMount": "x"],
            #"spec.containers[0].securityContext.procMount: Unsupported value: "x": supported values: "Default", "Unmasked""#
        ),
        Bad(
            "pod", "spec.containers[0].securityContext", ["seccompProfile": ["type": "x"]],
            #"spec.containers[0].securityContext.seccompProfile.type: Unsupported value: "x": supported values: "Localhost", "RuntimeDefault", "Unconfined""#
        ),
        Bad(
            "pod", "spec.containers[0].securityContext", ["seccompProfile": ["type": "Localhost"]],
            #"spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"#
        ),
        Bad(
            "pod", "spec.volumes", [["name": "V", "emptyDir": [:]]],
            #"spec.volumes[0].name: Invalid value: "V": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad(
            "pod", "spec.volumes", [["name": "v", "emptyDir": [:]], ["name": "v", "emptyDir": [:]]],
            #"spec.volumes[1].name: Duplicate value: "v""#),
        Bad(
            "pod", "spec.volumes", [["name": "v", "secret": [:]]], #"spec.volumes[0].secret.secretName: Required value"#
        ),
        Bad(
            "pod", "spec.volumes", [["name": "v", "configMap": [:]]], #"spec.volumes[0].configMap.name: Required value"#
        ),
        Bad(
            "pod", "spec.volumes", [["name": "v", "configMap": ["name": "c", "defaultMode": 1000]]],
            #"spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive"#
        ),
        Bad(
            "pod", "spec.volumes", [["name": "v", "configMap": ["name": "c", "items": [["key": "", "path": "a"]]]]],
            #"spec.volumes[0].configMap.items[0].key: Required value"#),
        Bad(
            "pod", "spec.volumes", [["name": "v", "configMap": ["name": "c", "items": [["key": "a", "path": ""]]]]],
            #"spec.volumes[0].configMap.items[0].path: Required value"#),
        Bad(
            "pod", "spec.volumes",
            [["name": "v", "secret": ["secretName": "c", "items": [["key": "a", "path": "/a"]]]]],
            #"spec.volumes[0].secret.items[0].path: Invalid value: "/a": must be a relative path"#),
        Bad(
            "pod", "spec.volumes",
            [["name": "v", "secret": ["secretName": "c", "items": [["key": "a", "path": "../a"]]]]],
            #"spec.volumes[0].secret.items[0].path: Invalid value: "../a": must not contain '..'"#),
        Bad(
            "pod", "spec.volumes", [["name": "v", "hostPath": ["path": "/a/../b"]]],
            #"spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'"#),
        Bad(
            "pod", "spec.volumes", [["name": "v", "hostPath": ["path": ""]]],
            #"spec.volumes[0].hostPath.path: Required value"#),
        Bad(
            "pod", "spec.volumes", [["name": "v", "hostPath": ["path": "/a", "type": "X"]]],
            #"spec.volumes[0].hostPath.type: Unsupported value: "X": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket""#
        ),
        Bad(
            "pod", "spec.volumes", [["name": "v", "emptyDir": ["sizeLimit": "-1"]]],
            #"spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"#),
        Bad(
            "pod", "spec.containers[0].volumeMounts", [["name": "v", "mountPath": "/a"]],
            #"spec.containers[0].volumeMounts[0].name: Not found: "v""#),
        Bad(
            "mounting", "spec.containers[0].volumeMounts", [["name": "v", "mountPath": ""]],
            #"spec.containers[0].volumeMounts[0].mountPath: Required value"#),
        Bad(
            "mounting", "spec.containers[0].volumeMounts",
            [["name": "v", "mountPath": "/a"], ["name": "v", "mountPath": "/a"]],
            #"spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique"#),
        Bad(
            "mounting", "spec.containers[0].volumeMounts", [["name": "v", "mountPath": "/a", "subPath": "/b"]],
            #"spec.containers[0].volumeMounts[0].subPath: Invalid value: "/b": must be a relative path"#),
        Bad(
            "mounting", "spec.containers[0].volumeMounts", [["name": "v", "mountPath": "/a", "subPath": "b/../c"]],
            #"spec.containers[0].volumeMounts[0].subPath: Invalid value: "b/../c": must not contain '..'"#),
        Bad(
            "mounting", "spec.containers[0].volumeMounts",
            [["name": "v", "mountPath": "/a", "subPath": "b", "subPathExpr": "c"]],
            #"spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "c": subPathExpr and subPath are mutually exclusive"#
        ),
        Bad(
            "mounting", "spec.containers[0].volumeMounts", [["name": "v", "mountPath": "/a", "mountPropagation": "x"]],
            #"spec.containers[0].volumeMounts[0].mountPropagation: Unsupported value: "x": supported values: "Bidirectional", "HostToContainer", "None""#
        ),
        Bad(
            "pod", "spec.restartPolicy", "x",
            #"spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never""#),
        Bad(
            "pod", "spec.dnsPolicy", "x",
            #"spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None""#
        ),
        Bad(
            "pod", "spec.dnsPolicy", "None",
            #"spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"#),
        Bad(
            "pod", "spec.dnsConfig", ["nameservers": ["x"]],
            #"spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
        ),
        Bad(
            "pod", "spec.terminationGracePeriodSeconds", -1,
            #"spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "pod", "spec.activeDeadlineSeconds", 0,
            #"spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"#),
        Bad(
            "pod", "spec.nodeName", "A",
            #"spec.nodeName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "pod", "spec.serviceAccountName", "A",
            #"spec.serviceAccountName: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "pod", "spec.hostname", "A",
            #"spec.hostname: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad(
            "pod", "spec.subdomain", "A",
            #"spec.subdomain: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad(
            "pod", "spec.hostAliases", [["ip": "x", "hostnames": ["a"]]],
            #"spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
        ),
        Bad(
            "pod", "spec.hostAliases", [["ip": "10.0.0.1", "hostnames": ["A"]]],
            #"spec.hostAliases[0].hostnames: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "pod", "spec.nodeSelector", ["a b": "c"],
            #"spec.nodeSelector: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
        ),
        Bad(
            "pod", "spec.tolerations", [["key": "a", "operator": "X"]],
            #"spec.tolerations[0].operator: Unsupported value: "X": supported values: "Equal", "Exists""#),
        Bad(
            "pod", "spec.tolerations", [["key": "a", "operator": "Exists", "value": "b"]],
            #"spec.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` is 'Exists'"#),
        Bad(
            "pod", "spec.tolerations", [["operator": "Equal"]],
            #"spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys""#
        ),
        Bad(
            "pod", "spec.tolerations", [["key": "a", "effect": "X"]],
            #"spec.tolerations[0].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#
        ),
        Bad(
            "pod", "spec.tolerations", [["key": "a", "effect": "NoSchedule", "tolerationSeconds": 1]],
            #"spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when `tolerationSeconds` is set"#
        ),
        Bad(
            "pod", "spec.securityContext", ["sysctls": [["name": "a b", "value": "1"]]],
            #"spec.securityContext.sysctls[0].name: Invalid value: "a b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"#
        ),
        Bad(
            "pod", "spec.securityContext", ["fsGroup": -1],
            #"spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive"#),
        Bad(
            "pod", "spec.initContainers", [["name": "c", "image": "x"]],
            #"spec.initContainers[0].name: Duplicate value: "c""#),
        Bad(
            "pod", "spec.initContainers",
            [["name": "i", "image": "x", "readinessProbe": ["exec": ["command": ["a"]]]]],
            #"spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"#
        ),
        Bad(
            "deployment", "spec.minReadySeconds", -1,
            #"spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "deployment", "spec.revisionHistoryLimit", -1,
            #"spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "deployment", "spec.strategy", ["type": "X"],
            #"spec.strategy.type: Unsupported value: "X": supported values: "Recreate", "RollingUpdate""#),
        Bad(
            "deployment", "spec.strategy", ["rollingUpdate": ["maxSurge": "5x"]],
            #"spec.strategy.rollingUpdate.maxSurge: Invalid value: "5x": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"#
        ),
        Bad(
            "deployment", "spec.strategy", ["rollingUpdate": ["maxUnavailable": "101%"]],
            #"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%"#),
        Bad(
            "deployment", "spec.strategy", ["rollingUpdate": ["maxSurge": -1]],
            #"spec.strategy.rollingUpdate.maxSurge: Invalid value: -1: must be greater than or equal to 0"#),
        Bad(
            "deployment", "spec.template.metadata.labels", nil,
            #"spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`"#),
        Bad(
            "deployment", "spec.template.spec.activeDeadlineSeconds", 5,
            #"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported"#
        ),
        Bad(
            "configmap", "data", ["a/b": "x"],
            #"data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"#
        ),
        Bad("configmap", "data", ["..": "x"], #"data[..]: Invalid value: "..": must not be '..'"#),
        Bad(
            "configmap", "binaryData", ["a": "eA=="],
            #"data[a]: Invalid value: "a": duplicate of key present in binaryData"#),
        Bad(
            "configmap", "metadata.name", "A_",
            #"metadata.name: Invalid value: "A_": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ),
        Bad(
            "secret", "data", ["a/b": "eA=="],
            #"data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"#
        ),
        Bad("secret", "type", "kubernetes.io/dockerconfigjson", #"data[.dockerconfigjson]: Required value"#),
        Bad(
            "secret", "type", "kubernetes.io/basic-auth",
            #"[data[username]: Required value, data[password]: Required value]"#),
        Bad("secret", "type", "kubernetes.io/ssh-auth", #"data[ssh-privatekey]: Required value"#),
        Bad(
            "namespace", "metadata.name", "A",
            #"metadata.name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#
        ),
        Bad(
            "node", "spec.taints", [["key": "a b", "effect": "NoSchedule"]],
            #"spec.taints[0].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
        ),
        Bad(
            "node", "spec.taints", [["key": "a", "effect": "X"]],
            #"spec.taints[0].effect: Unsupported value: "X": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#
        ),
    ]
}
