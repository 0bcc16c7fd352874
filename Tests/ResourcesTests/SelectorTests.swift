import JSON
import Resources
import Testing

@Suite struct SelectorTests {
    private let labels = ["app": "web", "tier": "front", "n": "5"]

    @Test(arguments: [
        ("", true), ("app", true), ("!app", false), ("!x", true), ("app=web", true), ("app==web", true),
        ("app!=web", false), ("x!=web", true), ("app in (web, api)", true), ("app notin (web)", false),
        ("x notin (a)", true), ("app=web,tier=front", true), ("app=web,tier=back", false), ("n>4", true),
        ("n<5", false),
        ("app=", false), (" app = web , !y ", true), ("app in (a,web),tier", true),
    ])
    func labelsMatch(_ text: String, _ expected: Bool) throws {
        #expect(try LabelSelectorQuery(text).matches(labels) == expected)
    }

    @Test(arguments: [
        "a b", "=", "a=b=c", "a in", "a in (", "a in b", ",", "a,", "a>x", "!", "-a=b", "a=b c", "a in (b",
    ])
    func badSelectorIsRefused(_ text: String) {
        #expect(throws: StatusError.self) { try LabelSelectorQuery(text) }
    }

    @Test func textFormReadsBack() throws {
        for text in ["a=b,c in (x,y),!d,e,f!=g,h notin (i,j),k>1"] {
            #expect(try LabelSelectorQuery(text).description == text)
        }
    }

    @Test(arguments: [#"a=b\,c,d!=e\=f\\"#, "metadata.name=x", "a!=", "a="])
    func fieldTextFormReadsBack(_ text: String) throws {
        let query = try FieldSelectorQuery(text)
        #expect(query.description == text)
        #expect(try FieldSelectorQuery(query.description) == query)
    }

    @Test func objectSelectorMatches() throws {
        let selector = LabelSelector(
            matchLabels: ["app": "web"],
            matchExpressions: [LabelSelectorRequirement(key: "tier", operator: "In", values: ["front"])])
        #expect(try LabelSelectorQuery(selector).matches(labels))
        #expect(try LabelSelectorQuery(selector).description == "app=web,tier=front")
        #expect(throws: StatusError.self) {
            try LabelSelectorQuery(
                LabelSelector(matchExpressions: [LabelSelectorRequirement(key: "a", operator: "Like")]))
        }
    }

    @Test func fieldsMatch() throws {
        let pod = try Resource(value: [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "a", "namespace": "n"],
            "spec": ["nodeName": "gw"], "status": ["phase": "Running"],
        ])
        #expect(try FieldSelectorQuery("metadata.name=a,spec.nodeName=gw").matches(pod))
        #expect(try FieldSelectorQuery("status.phase!=Succeeded,status.phase!=Failed").matches(pod))
        #expect(try !FieldSelectorQuery("status.phase==Pending").matches(pod))
        #expect(try FieldSelectorQuery("spec.hostNetwork=false").matches(pod))
        #expect(try FieldSelectorQuery("metadata.name=a").requiredName == "a")
        try FieldSelectorQuery("spec.nodeName=gw").check(for: .pod)
        #expect(throws: StatusError.badRequest("field label not supported: spec.foo")) {
            try FieldSelectorQuery("spec.foo=1").check(for: .pod)
        }
        #expect(throws: StatusError.self) { try FieldSelectorQuery("a") }
        #expect(throws: StatusError.self) { try FieldSelectorQuery(" =b") }
        let event = Resource(
            value: ["metadata": [:], "involvedObject": ["name": "a"], "source": ["component": "agent"]], type: .event)
        #expect(try FieldSelectorQuery("involvedObject.name=a,source=agent").matches(event))
    }
}
