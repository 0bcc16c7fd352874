public import JSON

/// What a pod demands of its node: the labels of `nodeSelector`, and what `nodeAffinity` requires.
public struct NodeConditions: Sendable, Hashable {
    private let labels: [String: String]
    /// One of them is enough; nil without a requirement.
    private let terms: [Term]?

    private static let requirement = ["nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]

    /// - Parameter spec: of a pod, or of the pods of a template.
    public init(spec: JSONValue) {
        self.init(
            nodeSelector: (spec["nodeSelector"]?.objectValue ?? [:]).compactMapValues(\.stringValue),
            affinity: spec["affinity"])
    }

    public init(_ spec: PodSpec) { self.init(nodeSelector: spec.nodeSelector ?? [:], affinity: spec.affinity) }

    private init(nodeSelector: [String: String], affinity: JSONValue?) {
        labels = nodeSelector
        let required = Self.requirement.reduce(affinity) { $0?[$1] }
        terms = required?.objectValue == nil ? nil : required?.list("nodeSelectorTerms").map(Term.init)
    }

    /// Whether a node of this name and with these labels will do.
    public func hold(name: String, labels present: [String: String]) -> Bool {
        labels.allSatisfy { present[$0.key] == $0.value }
            && (terms?.contains { $0.holds(name: name, labels: present) } ?? true)
    }

    /// Takes the conditions on the node's name away, for a node that was chosen by them and may have another name for itself.
    public static func forgetNames(in spec: inout JSONValue) {
        guard var required = requirement.reduce(spec["affinity"], { $0?[$1] }) else { return }
        var terms = required.list("nodeSelectorTerms")
        let named = terms.indices.filter { !terms[$0].list("matchFields").isEmpty }
        guard !named.isEmpty else { return }
        // Without conditions a term holds nowhere: where the name was all that was asked for, nothing is any more.
        let asksNothing = named.contains { terms[$0].list("matchExpressions").isEmpty }
        for index in named { terms[index]["matchFields"] = nil }
        required["nodeSelectorTerms"] = .array(terms)
        spec[path: "affinity", requirement[0], requirement[1]] = asksNothing ? nil : required
    }
}

extension NodeConditions {
    /// Requirements that must all hold; without any, a term holds for no node.
    private struct Term: Sendable, Hashable {
        let expressions: [Requirement]
        let fields: [Requirement]

        init(_ value: JSONValue) {
            expressions = value.list("matchExpressions").map(Requirement.init)
            fields = value.list("matchFields").map(Requirement.init)
        }

        func holds(name: String, labels: [String: String]) -> Bool {
            if expressions.isEmpty && fields.isEmpty { return false }
            return expressions.allSatisfy { $0.holds(labels[$0.key]) }
                && fields.allSatisfy { $0.key == "metadata.name" && $0.holds(name) }
        }
    }

    private struct Requirement: Sendable, Hashable {
        let key: String
        let operation: String
        let values: [String]

        init(_ value: JSONValue) {
            key = value["key"]?.stringValue ?? ""
            operation = value["operator"]?.stringValue ?? ""
            values = value.list("values").compactMap(\.stringValue)
        }

        func holds(_ present: String?) -> Bool {
            switch operation {
            case "In": present.map(values.contains) ?? false
            case "NotIn": present.map { !values.contains($0) } ?? true
            case "Exists": present != nil
            case "DoesNotExist": present == nil
            case "Gt": compare(present, >)
            case "Lt": compare(present, <)
            default: false
            }
        }

        /// What is no number holds for nothing.
        private func compare(_ present: String?, _ order: (Int64, Int64) -> Bool) -> Bool {
            guard let left = present.flatMap({ Int64($0) }), values.count == 1, let right = Int64(values[0]) else {
                return false
            }
            return order(left, right)
        }
    }
}
