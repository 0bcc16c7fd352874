import JSON
import Testing

@testable import Resources

/// The Pod Security Standards in kube-apiserver's words.
@Suite("Pod Security Standards")
struct PodSecurityTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let what: String
        let level: PodSecurity.Level
        let spec: JSONValue
        let expected: String?
        var testDescription: String { "\(level): \(what)" }
    }

    /// Passes the restricted level.
    private static let good: JSONValue = [
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": ["drop": ["ALL"]],
        "seccompProfile": ["type": "RuntimeDefault"],
    ]

    private static func pod(_ security: JSONValue, _ more: JSONValue = [:]) -> JSONValue {
        var spec = more
        spec["containers"] = [["name": "c", "image": "x", "securityContext": security]]
        return spec
    }

    private static func without(_ field: String) -> JSONValue {
        var security = good
        security[field] = nil
        return security
    }

    private static func with(_ field: String, _ value: JSONValue) -> JSONValue {
        var security = good
        security[field] = value
        return security
    }

    static let cases: [Case] = [
        Case(what: "nothing asked", level: .baseline, spec: pod([:]), expected: nil),
        Case(what: "everything set", level: .restricted, spec: pod(good), expected: nil),
        Case(
            what: "nothing asked", level: .restricted, spec: pod([:]),
            expected: "allowPrivilegeEscalation != false (container \"c\" must set "
                + "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set "
                + "securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set "
                + "securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set "
                + "securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"),
        Case(
            what: "privileged", level: .baseline, spec: pod(["privileged": true]),
            expected: "privileged (container \"c\" must not set securityContext.privileged=true)"),
        Case(
            what: "host namespaces", level: .baseline, spec: pod([:], ["hostNetwork": true, "hostPID": true]),
            expected: "host namespaces (hostNetwork=true, hostPID=true)"),
        Case(
            what: "added capabilities", level: .baseline, spec: pod(["capabilities": ["add": ["SYS_ADMIN", "CHOWN"]]]),
            expected: "non-default capabilities (container \"c\" must not include \"SYS_ADMIN\" in "
                + "securityContext.capabilities.add)"),
        Case(
            what: "hostPath", level: .baseline,
            spec: pod([:], ["volumes": [["name": "v", "hostPath": ["path": "/"]]]]),
            expected: "hostPath volumes (volume \"v\")"),
        Case(
            what: "hostPath", level: .restricted,
            spec: pod(good, ["volumes": [["name": "v", "hostPath": ["path": "/"]], ["name": "e", "emptyDir": [:]]]]),
            expected: "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\")"),
        Case(
            what: "hostPort", level: .baseline,
            spec: ["containers": [["name": "c", "image": "x", "ports": [["containerPort": 80, "hostPort": 80]]]]],
            expected: "hostPort (container \"c\" uses hostPort 80)"),
        Case(
            what: "unconfined", level: .baseline, spec: pod(["seccompProfile": ["type": "Unconfined"]]),
            expected:
                "seccompProfile (container \"c\" must not set securityContext.seccompProfile.type to \"Unconfined\")"),
        Case(
            what: "procMount", level: .baseline, spec: pod(["procMount": "Unmasked"]),
            expected: "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")"),
        Case(
            what: "sysctl", level: .baseline,
            spec: pod([:], ["securityContext": ["sysctls": [["name": "kernel.msgmax", "value": "1"]]]]),
            expected: "forbidden sysctls (kernel.msgmax)"),
        Case(
            what: "safe sysctl", level: .baseline,
            spec: pod([:], ["securityContext": ["sysctls": [["name": "net.ipv4.tcp_syncookies", "value": "1"]]]]),
            expected: nil),
        Case(
            what: "root", level: .restricted, spec: pod(with("runAsUser", 0)),
            expected: "runAsUser=0 (container \"c\" must not set runAsUser=0)"),
        Case(
            what: "the pod's word for all", level: .restricted,
            spec: pod(without("runAsNonRoot"), ["securityContext": ["runAsNonRoot": true]]), expected: nil),
        Case(
            what: "a container against the pod", level: .restricted,
            spec: pod(with("runAsNonRoot", false), ["securityContext": ["runAsNonRoot": true]]),
            expected: "runAsNonRoot != true (container \"c\" must not set securityContext.runAsNonRoot=false)"),
        Case(
            what: "one capability is allowed", level: .restricted,
            spec: pod(with("capabilities", ["drop": ["ALL"], "add": ["NET_BIND_SERVICE"]])), expected: nil),
        Case(
            what: "another is not", level: .restricted,
            spec: pod(with("capabilities", ["drop": ["ALL"], "add": ["CHOWN"]])),
            expected: "unrestricted capabilities (container \"c\" must not include \"CHOWN\" in "
                + "securityContext.capabilities.add)"),
        Case(
            what: "init containers count", level: .baseline,
            spec: [
                "initContainers": [["name": "i", "image": "x", "securityContext": ["privileged": true]]],
                "containers": [["name": "c", "image": "x", "securityContext": ["privileged": true]]],
            ],
            expected: "privileged (containers \"i\", \"c\" must not set securityContext.privileged=true)"),
        Case(what: "anything", level: .privileged, spec: pod(["privileged": true]), expected: nil),
    ]

    @Test("what a pod violates", arguments: cases)
    func violations(_ test: Case) throws {
        #expect(PodSecurity.violations(of: try test.spec.decode(as: PodSpec.self), level: test.level) == test.expected)
    }

    @Test("a level that is none is the strictest; no label allows everything")
    func levels() {
        let label = "pod-security.kubernetes.io/enforce"
        #expect(PodSecurity.level(of: .enforce, labels: [:]).level == .privileged)
        #expect(PodSecurity.level(of: .enforce, labels: [label: "baseline"]).level == .baseline)
        #expect(PodSecurity.level(of: .enforce, labels: [label: "resticted"]).level == .restricted)
        #expect(PodSecurity.level(of: .warn, labels: [label: "baseline"]).level == .privileged)
    }
}
