import JSON
import Testing

@testable import Access

/// What a rule allows, as Kubernetes reads it.
struct PolicyRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let rule: PolicyRule
        let verb: String
        let target: AccessRequest.Target
        let allowed: Bool
        var testDescription: String { "\(verb) \(target) by \(rule)" }
    }

    private static func resource(
        _ verb: String, _ resource: String, _ sub: String = "", group: String = "", name: String = "",
        by rule: PolicyRule, _ allowed: Bool
    ) -> Case {
        Case(
            rule: rule, verb: verb,
            target: .resource(
                .init(group: group, resource: resource, subresource: sub, namespace: "default", name: name)),
            allowed: allowed)
    }

    private static func path(_ path: String, by rule: PolicyRule, _ allowed: Bool) -> Case {
        Case(rule: rule, verb: "get", target: .path(path), allowed: allowed)
    }

    private static let pods = PolicyRule(verbs: ["get", "list"], apiGroups: [""], resources: ["pods"])
    private static let named = PolicyRule(
        verbs: ["get", "delete"], apiGroups: [""], resources: ["secrets"], resourceNames: ["a", "b"])
    private static let scales = PolicyRule(verbs: ["update"], apiGroups: ["apps"], resources: ["*/scale"])
    private static let all = PolicyRule(verbs: ["*"], apiGroups: ["*"], resources: ["*"])
    private static let metrics = PolicyRule(verbs: ["get"], nonResourceURLs: ["/metrics", "/debug/*"])

    static let cases: [Case] = [
        resource("get", "pods", by: pods, true),
        resource("create", "pods", by: pods, false),
        resource("get", "pods", "log", by: pods, false),
        resource("get", "pods", group: "metrics.k8s.io", by: pods, false),
        resource("get", "secrets", name: "a", by: named, true),
        resource("get", "secrets", name: "c", by: named, false),
        resource("list", "secrets", by: named, false),
        resource("delete", "secrets", by: named, false),
        resource("update", "deployments", "scale", group: "apps", by: scales, true),
        resource("update", "deployments", group: "apps", by: scales, false),
        resource("update", "deployments", "status", group: "apps", by: scales, false),
        resource("deletecollection", "things", "part", group: "example.com", by: all, true),
        resource("get", "pods", by: metrics, false),
        path("/metrics", by: metrics, true),
        path("/metrics/x", by: metrics, false),
        path("/debug/pprof", by: metrics, true),
        path("/debug", by: metrics, false),
        path("/metrics", by: all, false),
    ]

    @Test(arguments: cases) func allowsWhatItNames(_ test: Case) {
        let request = AccessRequest(user: .alice, verb: test.verb, target: test.target)
        #expect(test.rule.allows(request) == test.allowed)
    }

    @Test func whatIsMissingIsToldOneByOne() {
        let owned = [PolicyRule(verbs: ["get"], apiGroups: [""], resources: ["pods", "pods/log"])]
        let wanted = [PolicyRule(verbs: ["get", "list"], apiGroups: [""], resources: ["pods"])]
        #expect(
            PolicyRule.uncovered(wanted, by: owned).map(\.description) == [
                "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\"]}"
            ])
    }

    /// A star is more than all that anybody can list.
    @Test func aStarIsCoveredByAStarOnly() {
        let star = PolicyRule(verbs: ["*"], apiGroups: [""], resources: ["pods"])
        let each = PolicyRule(verbs: ["get", "list", "create"], apiGroups: [""], resources: ["pods"])
        #expect(PolicyRule.uncovered([star], by: [each]).count == 1)
        #expect(PolicyRule.uncovered([each], by: [star]).isEmpty)
        #expect(!PolicyRule.uncovered([PolicyRule(verbs: ["get"], nonResourceURLs: ["*"])], by: [Self.metrics]).isEmpty)
        #expect(
            !PolicyRule.uncovered([PolicyRule(verbs: ["get"], nonResourceURLs: ["/*"])], by: [Self.metrics]).isEmpty)
    }

    @Test func namesNarrowARule() {
        let one = PolicyRule(verbs: ["get"], apiGroups: [""], resources: ["secrets"], resourceNames: ["a"])
        let every = PolicyRule(verbs: ["get"], apiGroups: [""], resources: ["secrets"])
        #expect(PolicyRule.uncovered([one], by: [Self.named]).isEmpty)
        #expect(PolicyRule.uncovered([one], by: [every]).isEmpty)
        #expect(!PolicyRule.uncovered([every], by: [one]).isEmpty)
    }

    @Test func aRuleIsWrittenAsItWasRead() {
        for rule in [Self.pods, Self.named, Self.metrics, Self.all] { #expect(PolicyRule(rule.value) == rule) }
    }
}
