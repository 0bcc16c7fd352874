public import JSON

/// One rule of a Role or ClusterRole. Rules only ever allow.
public struct PolicyRule: Hashable, Sendable {
    public var verbs: [String] = []
    public var apiGroups: [String] = []
    public var resources: [String] = []
    /// Empty for every name.
    public var resourceNames: [String] = []
    public var nonResourceURLs: [String] = []

    public init(
        verbs: [String], apiGroups: [String] = [], resources: [String] = [], resourceNames: [String] = [],
        nonResourceURLs: [String] = []
    ) {
        self.verbs = verbs
        self.apiGroups = apiGroups
        self.resources = resources
        self.resourceNames = resourceNames
        self.nonResourceURLs = nonResourceURLs
    }

    public init(_ value: JSONValue) {
        verbs = value.strings("verbs")
        apiGroups = value.strings("apiGroups")
        resources = value.strings("resources")
        resourceNames = value.strings("resourceNames")
        nonResourceURLs = value.strings("nonResourceURLs")
    }

    /// The rule as it stands in a role.
    public var value: JSONValue {
        var value: JSONValue = ["verbs": .strings(verbs)]
        if !apiGroups.isEmpty { value["apiGroups"] = .strings(apiGroups) }
        if !resources.isEmpty { value["resources"] = .strings(resources) }
        if !resourceNames.isEmpty { value["resourceNames"] = .strings(resourceNames) }
        if !nonResourceURLs.isEmpty { value["nonResourceURLs"] = .strings(nonResourceURLs) }
        return value
    }

    // MARK: Allowing

    func allows(_ request: AccessRequest) -> Bool {
        guard verbs.containsOrAll(request.verb) else { return false }
        switch request.target {
        case .path(let path):
            return nonResourceURLs.contains { Self.covers(pattern: $0, path) }
        case .resource(let target):
            return apiGroups.containsOrAll(target.group) && covers(resource: target.ruleName)
                && (resourceNames.isEmpty || resourceNames.contains(target.name))
        }
    }

    /// `*` is every resource with its parts, `*/scale` that part of every resource.
    private func covers(resource: String) -> Bool {
        resources.contains { rule in
            if rule == "*" || rule == resource { return true }
            guard rule.hasPrefix("*/"), let slash = resource.firstIndex(of: "/") else { return false }
            return rule.dropFirst(2) == resource[resource.index(after: slash)...]
        }
    }

    /// Only a star at the end stands for something.
    private static func covers(pattern: String, _ path: String) -> Bool {
        pattern == path || (pattern.hasSuffix("*") && path.hasPrefix(pattern.dropLast()))
    }

    // MARK: Covering

    /// What of `rules` their holder could do that `owned` does not allow already; each a rule with one verb and one resource.
    static func uncovered(_ rules: [PolicyRule], by owned: [PolicyRule]) -> [PolicyRule] {
        rules.flatMap(\.parts).filter { part in !owned.contains { $0.covers(part) } }
    }

    /// How many ``parts`` there would be; fields of a thousand values each make a billion.
    var partCount: Int {
        func product(_ counts: Int...) -> Int {
            counts.reduce(verbs.count) { $0.multipliedReportingOverflow(by: $1).overflow ? .max : $0 * $1 }
        }
        let ofResources = product(apiGroups.count, resources.count, max(1, resourceNames.count))
        return max(ofResources, product(nonResourceURLs.count))
    }

    /// The rule as rules with one value in each field.
    private var parts: [PolicyRule] {
        verbs.flatMap { verb in
            nonResourceURLs.map { PolicyRule(verbs: [verb], nonResourceURLs: [$0]) }
                + apiGroups.flatMap { group in
                    resources.flatMap { resource in
                        (resourceNames.isEmpty ? [[]] : resourceNames.map { [$0] }).map {
                            PolicyRule(verbs: [verb], apiGroups: [group], resources: [resource], resourceNames: $0)
                        }
                    }
                }
        }
    }

    /// Whether everything that `part`, one of ``parts``, allows is allowed here, too. A `*` in it is a value like any other.
    private func covers(_ part: PolicyRule) -> Bool {
        guard part.verbs.allSatisfy(verbs.containsOrAll) else { return false }
        if let path = part.nonResourceURLs.first {
            return nonResourceURLs.contains { Self.covers(pattern: $0, path) }
        }
        return part.apiGroups.allSatisfy(apiGroups.containsOrAll) && part.resources.allSatisfy(covers(resource:))
            && (resourceNames.isEmpty
                || (!part.resourceNames.isEmpty && part.resourceNames.allSatisfy(resourceNames.contains)))
    }
}

extension PolicyRule: CustomStringConvertible {
    /// As kube-apiserver prints it in refusals.
    public var description: String {
        func list(_ name: String, _ values: [String]) -> String? {
            values.isEmpty ? nil : "\(name):[\(values.map { "\"\($0)\"" }.joined(separator: ", "))]"
        }
        let fields = [
            list("APIGroups", apiGroups), list("NonResourceURLs", nonResourceURLs), list("Resources", resources),
            list("ResourceNames", resourceNames), list("Verbs", verbs),
        ]
        return "{\(fields.compactMap { $0 }.joined(separator: ", "))}"
    }
}

extension [String] {
    fileprivate func containsOrAll(_ value: String) -> Bool { contains(value) || contains("*") }
}

extension JSONValue {
    func strings(_ member: String) -> [String] { self[member]?.arrayValue?.compactMap(\.stringValue) ?? [] }

    static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
}
