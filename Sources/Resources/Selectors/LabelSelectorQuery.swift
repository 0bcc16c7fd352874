/// A label selector: `a=b,c in (x,y),!d`. All requirements must hold; none match everything.
public struct LabelSelectorQuery: Sendable, Hashable, CustomStringConvertible {
    /// One requirement on a label.
    public struct Requirement: Sendable, Hashable {
        public enum Operation: String, Sendable, Hashable {
            case isIn = "in"
            case isNotIn = "notin"
            case exists
            case doesNotExist
            case greaterThan = ">"
            case lessThan = "<"
        }

        public let key: String
        public let operation: Operation
        /// Sorted.
        public let values: [String]

        public init(key: String, operation: Operation, values: [String] = []) {
            self.key = key
            self.operation = operation
            self.values = values.sorted()
        }
    }

    public let requirements: [Requirement]

    public init(requirements: [Requirement]) { self.requirements = requirements }

    /// - Throws: bad request when the text is no selector.
    public init(_ text: String) throws(StatusError) {
        var parser = LabelSelectorParser(text: text)
        requirements = try parser.parse()
    }

    /// Equality with each of these labels.
    public init(labels: [String: String]) {
        requirements = labels.sorted { $0.key < $1.key }.map {
            Requirement(key: $0, operation: .isIn, values: [$1])
        }
    }

    /// From an object's selector.
    ///
    /// - Throws: bad request for an unknown operator.
    public init(_ selector: LabelSelector) throws(StatusError) {
        var requirements = LabelSelectorQuery(labels: selector.matchLabels ?? [:]).requirements
        for expression in selector.matchExpressions ?? [] {
            let operation: Requirement.Operation
            switch expression.operator {
            case "In": operation = .isIn
            case "NotIn": operation = .isNotIn
            case "Exists": operation = .exists
            case "DoesNotExist": operation = .doesNotExist
            default: throw .badRequest("\"\(expression.operator)\" is not a valid label selector operator")
            }
            requirements.append(
                Requirement(key: expression.key, operation: operation, values: expression.values ?? []))
        }
        self.requirements = requirements
    }

    /// Whether a resource's labels match.
    public func matches(_ resource: Resource) -> Bool { requirements.isEmpty || matches(resource.labels) }

    /// Whether labels match.
    public func matches(_ labels: [String: String]) -> Bool { requirements.allSatisfy { $0.matches(labels) } }

    /// The text form.
    public var description: String { requirements.map(\.description).joined(separator: ",") }
}

extension LabelSelectorQuery.Requirement: CustomStringConvertible {
    func matches(_ labels: [String: String]) -> Bool {
        let value = labels[key]
        switch operation {
        case .isIn: return value.map(values.contains) ?? false
        case .isNotIn: return !(value.map(values.contains) ?? false)
        case .exists: return value != nil
        case .doesNotExist: return value == nil
        case .greaterThan, .lessThan:
            guard let number = value.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) }) else {
                return false
            }
            return operation == .greaterThan ? number > bound : number < bound
        }
    }

    public var description: String {
        switch operation {
        case .isIn where values.count == 1: "\(key)=\(values[0])"
        case .isNotIn where values.count == 1: "\(key)!=\(values[0])"
        case .isIn, .isNotIn: "\(key) \(operation.rawValue) (\(values.joined(separator: ",")))"
        case .exists: key
        case .doesNotExist: "!\(key)"
        case .greaterThan, .lessThan: "\(key)\(operation.rawValue)\(values.first ?? "")"
        }
    }
}

private struct LabelSelectorParser {
    private enum Token: Equatable {
        case word(String)
        case symbol(String)
    }

    private let text: String
    private var tokens: ArraySlice<Token>

    init(text: String) {
        self.text = text
        tokens = Self.tokens(text)[...]
    }

    private static func tokens(_ text: String) -> [Token] {
        var tokens: [Token] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if let symbol = ["==", "!=", "=", "!", ",", "(", ")", ">", "<"].first(where: rest.hasPrefix) {
                tokens.append(.symbol(symbol))
                rest.removeFirst(symbol.count)
            } else {
                let word = rest.prefix { !$0.isWhitespace && !"=!,()<>".contains($0) }
                tokens.append(.word(String(word)))
                rest.removeFirst(word.count)
            }
        }
        return tokens
    }

    mutating func parse() throws(StatusError) -> [LabelSelectorQuery.Requirement] {
        var requirements: [LabelSelectorQuery.Requirement] = []
        while !tokens.isEmpty {
            requirements.append(try requirement())
            guard !tokens.isEmpty else { break }
            guard take(","), !tokens.isEmpty else { throw fault("expected a comma and a further requirement") }
        }
        return requirements
    }

    private mutating func requirement() throws(StatusError) -> LabelSelectorQuery.Requirement {
        if take("!") { return .init(key: try key(), operation: .doesNotExist) }
        let key = try key()
        switch tokens.first {
        case nil, .symbol(","): return .init(key: key, operation: .exists)
        case .symbol("="), .symbol("=="):
            tokens.removeFirst()
            return .init(key: key, operation: .isIn, values: [try value()])
        case .symbol("!="):
            tokens.removeFirst()
            return .init(key: key, operation: .isNotIn, values: [try value()])
        case .symbol(">"), .symbol("<"):
            let operation: LabelSelectorQuery.Requirement.Operation =
                tokens.removeFirst() == .symbol(">") ? .greaterThan : .lessThan
            let bound = try value()
            guard Int64(bound) != nil else { throw fault("for '>' and '<' the value must be an integer") }
            return .init(key: key, operation: operation, values: [bound])
        case .word("in"):
            tokens.removeFirst()
            return .init(key: key, operation: .isIn, values: try list())
        case .word("notin"):
            tokens.removeFirst()
            return .init(key: key, operation: .isNotIn, values: try list())
        default: throw fault("expected one of =, ==, !=, in, notin, <, > after \"\(key)\"")
        }
    }

    private mutating func take(_ symbol: String) -> Bool {
        guard tokens.first == .symbol(symbol) else { return false }
        tokens.removeFirst()
        return true
    }

    private mutating func key() throws(StatusError) -> String {
        guard case .word(let key)? = tokens.first else { throw fault("expected a label key") }
        tokens.removeFirst()
        if let problem = NameRules.qualifiedName(key) { throw fault("key \"\(key)\": \(problem)") }
        return key
    }

    private mutating func value() throws(StatusError) -> String {
        guard case .word(let value)? = tokens.first else { return "" }
        tokens.removeFirst()
        if let problem = NameRules.labelValue(value) { throw fault("value \"\(value)\": \(problem)") }
        return value
    }

    private mutating func list() throws(StatusError) -> [String] {
        guard take("(") else { throw fault("expected '('") }
        var values = [try value()]
        while take(",") { values.append(try value()) }
        guard take(")") else { throw fault("expected ')'") }
        return values
    }

    private func fault(_ why: String) -> StatusError {
        .badRequest("unable to parse label selector \"\(text)\": \(why)")
    }
}
