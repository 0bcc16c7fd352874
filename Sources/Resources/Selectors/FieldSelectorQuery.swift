import JSON

/// A field selector: `spec.nodeName=a,status.phase!=Running`.
public struct FieldSelectorQuery: Sendable, Hashable, CustomStringConvertible {
    private struct Requirement: Sendable, Hashable {
        var field: String
        let equals: Bool
        let value: String
    }

    private var requirements: [Requirement]

    /// - Throws: bad request when the text is no selector.
    public init(_ text: String) throws(StatusError) {
        var requirements: [Requirement] = []
        for term in Self.terms(text) where !term.isEmpty {
            guard let sign = term.firstIndex(where: { $0 == "=" || $0 == "!" }), sign > term.startIndex else {
                throw Self.fault(text, term)
            }
            var rest = term[sign...]
            let equals = rest.first == "="
            if !equals { rest.removeFirst() }
            guard rest.first == "=" else { throw Self.fault(text, term) }
            rest.removeFirst()
            if equals, rest.first == "=" { rest.removeFirst() }
            let field = term[..<sign].filter { !$0.isWhitespace }
            guard !field.isEmpty else { throw Self.fault(text, term) }
            requirements.append(Requirement(field: String(field), equals: equals, value: Self.unescaped(rest)))
        }
        self.requirements = requirements
    }

    private static func fault(_ text: String, _ term: Substring) -> StatusError {
        .badRequest("invalid field selector \"\(text)\": can't understand \"\(term)\"")
    }

    /// Splits at commas that no backslash stands before.
    private static func terms(_ text: String) -> [Substring] {
        var terms: [Substring] = []
        var start = text.startIndex
        var escaped = false
        for index in text.indices {
            if escaped {
                escaped = false
            } else if text[index] == "\\" {
                escaped = true
            } else if text[index] == "," {
                terms.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        return terms + [text[start...]]
    }

    private static func unescaped(_ text: Substring) -> String {
        var result = ""
        var escaped = false
        for character in text {
            if character == "\\", !escaped {
                escaped = true
            } else {
                result.append(character)
                escaped = false
            }
        }
        return result
    }

    /// The name that a selector `metadata.name=x` asks for, so that one object can be looked up.
    public var requiredName: String? {
        requirements.first { $0.field == "metadata.name" && $0.equals }?.value
    }

    /// The value that must be in a field, when the selector names exactly one.
    public func requiredValue(of field: String) -> String? {
        requirements.first { $0.field == field && $0.equals }?.value
    }

    /// - Throws: bad request when a field cannot be selected by for this type.
    public func check(for type: ResourceType) throws(StatusError) {
        for requirement in requirements where !Self.fields(of: type).contains(requirement.field) {
            throw .badRequest("field label not supported: \(requirement.field)")
        }
    }

    /// The same query under other names of fields; an object's own name and namespace keep theirs.
    ///
    /// - Throws: bad request for a field without a name there.
    func renamed(by names: [String: String]) throws(StatusError) -> FieldSelectorQuery {
        var query = self
        for index in query.requirements.indices {
            let field = query.requirements[index].field
            if field == "metadata.name" || field == "metadata.namespace" { continue }
            guard let other = names[field] else { throw .badRequest("field label not supported: \(field)") }
            query.requirements[index].field = other
        }
        return query
    }

    private static func fields(of type: ResourceType) -> Set<String> {
        let general: Set<String> = ["metadata.name", "metadata.namespace"]
        switch type {
        case .pod:
            return general.union([
                "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
                "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
            ])
        case .event:
            return general.union([
                "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
                "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
                "reportingComponent", "source", "type",
            ])
        case .node: return general.union(["spec.unschedulable"])
        case .namespace: return general.union(["status.phase"])
        case .secret: return general.union(["type"])
        case .replicaSet: return general.union(["status.replicas"])
        default: return general
        }
    }

    /// Whether a resource's fields match.
    public func matches(_ resource: Resource) -> Bool {
        requirements.allSatisfy { (Self.text($0.field, in: resource) == $0.value) == $0.equals }
    }

    private static func text(_ field: String, in resource: Resource) -> String {
        let path = field == "source" ? ["source", "component"] : field.split(separator: ".").map(String.init)
        let value = path.reduce(Optional(resource.value)) { $0?[$1] }
        switch value {
        case .string(let text)?: return text
        case nil, .null?: return field == "spec.unschedulable" || field == "spec.hostNetwork" ? "false" : ""
        case .some(let other): return other.description
        }
    }

    /// The text form, which reads back.
    public var description: String {
        requirements.map { "\($0.field)\($0.equals ? "=" : "!=")\(Self.escaped($0.value))" }.joined(separator: ",")
    }

    private static func escaped(_ value: String) -> String {
        value.map { "\\,=".contains($0) ? "\\\($0)" : String($0) }.joined()
    }
}
