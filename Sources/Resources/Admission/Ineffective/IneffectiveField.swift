import JSON

/// A field that may be set and changes nothing, and what to say of it.
struct IneffectiveField: Sendable {
    /// Members with a dot between them; `[]` stands for each element of a list, and a last `*` for each name in a map.
    let path: String
    /// Why, or what to use instead.
    let words: String
    /// The values that are told of; every one that says something when nil. Of a map, these are its names.
    let only: [JSONValue]?
    /// Values that are what happens anyway.
    let butNot: [JSONValue]
    let unless: Exception?

    /// When the field has its effect after all.
    struct Exception: Sendable {
        /// As the documentation has it, after the word "unless".
        let text: String
        /// `holder` is what the field is a member of.
        let holds: @Sendable (_ holder: JSONValue, _ pod: JSONValue) -> Bool
    }

    init(
        _ path: String, only: [JSONValue]? = nil, butNot: [JSONValue] = [], unless: Exception? = nil, _ words: String
    ) {
        self.path = path
        self.words = words
        self.only = only
        self.butNot = butNot
        self.unless = unless
        steps = path.split(separator: ".").map(String.init)
    }

    private let steps: [String]

    /// - Parameters:
    ///   - place: the path of `value` itself, empty for a whole object.
    ///   - pod: the specification of the pod that it is part of.
    func warnings(in value: JSONValue, at place: String = "", of pod: JSONValue = [:]) -> [String] {
        var warnings: [String] = []
        visit(value, steps[...], place) { place, value, holder in
            guard isTold(value), unless?.holds(holder, pod) != true else { return }
            warnings.append(Ineffective.warning(place, words))
        }
        return warnings
    }

    private func isTold(_ value: JSONValue) -> Bool {
        if let only { return only.contains(value) }
        return value.saysSomething && !butNot.contains(value)
    }

    private func visit(
        _ holder: JSONValue, _ steps: ArraySlice<String>, _ place: String,
        _ body: (_ place: String, _ value: JSONValue, _ holder: JSONValue) -> Void
    ) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        func go(on value: JSONValue, _ place: String) {
            if rest.isEmpty { body(place, value, holder) } else { visit(value, rest, place, body) }
        }
        let prefix = place.isEmpty ? "" : place + "."
        if step == "*" {
            for name in (holder.objectValue ?? [:]).keys.sorted() { go(on: .string(name), "\(place)[\(name)]") }
        } else if step.hasSuffix("[]") {
            let name = String(step.dropLast(2))
            for (index, element) in holder.list(name).enumerated() { go(on: element, "\(prefix)\(name)[\(index)]") }
        } else if let value = holder[step] {
            go(on: value, prefix + step)
        }
    }
}

extension JSONValue {
    /// Whether it is more than what a field that is left out stands for.
    fileprivate var saysSomething: Bool {
        switch self {
        case .null, .bool(false), .integer(0), .number(0), .string(""): false
        case .array(let elements): elements.contains(where: \.saysSomething)
        case .object(let members): members.values.contains(where: \.saysSomething)
        default: true
        }
    }
}
