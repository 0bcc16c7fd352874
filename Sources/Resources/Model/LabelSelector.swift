/// Chooses objects by label; all conditions must hold, and an empty selector matches everything.
public struct LabelSelector: Codable, Hashable, Sendable {
    /// Labels that must be present with these values.
    public var matchLabels: [String: String]?
    /// Further conditions.
    public var matchExpressions: [LabelSelectorRequirement]?

    public init(
        matchLabels: [String: String]? = nil, matchExpressions: [LabelSelectorRequirement]? = nil
    ) {
        self.matchLabels = matchLabels
        self.matchExpressions = matchExpressions
    }
}

/// One condition on a label.
public struct LabelSelectorRequirement: Codable, Hashable, Sendable {
    /// The label.
    public var key: String
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    public var `operator`: String
    /// For `In` and `NotIn`, the values.
    public var values: [String]?

    public init(
        key: String, `operator`: String, values: [String]? = nil
    ) {
        self.key = key
        self.operator = `operator`
        self.values = values
    }
}
