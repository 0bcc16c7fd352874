import JSON

/// A JSONPath of columns and subresources: members, elements, slices, wildcards, filters and descent.
struct ColumnPath: Sendable {
    private indirect enum Step: Sendable {
        case member(String)
        case element(Int)
        case slice(Int?, Int?, Int)
        case all
        case descent(String)
        /// Elements for which the comparison holds; without one, those that have the member.
        case filter(path: ColumnPath, operation: String, literal: JSONValue)
    }

    private var steps: [Step] = []

    private static let lengthLimit = 1_024
    /// Filters within filters.
    private static let depthLimit = 8
    /// Each finds what is deep in an object once more for every level above it.
    private static let descentLimit = 2

    /// nil for a text that is no path, or one that is longer or deeper than any that means something.
    init?(_ text: String) {
        guard text.utf8.count <= Self.lengthLimit else { return nil }
        var reader = ColumnPathReader(text)
        guard let steps = Self.read(&reader, until: nil, depth: 0) else { return nil }
        self.steps = steps
    }

    private init(steps: [Step]) { self.steps = steps }

    /// The plain members that it names; nil where it chooses otherwise.
    var members: [String]? {
        var names: [String] = []
        for step in steps {
            guard case .member(let name) = step else { return nil }
            names.append(name)
        }
        return names
    }

    /// What the path finds, in order.
    func values(in value: JSONValue) -> [JSONValue] {
        steps.reduce([value]) { found, step in found.flatMap { Self.apply(step, to: $0) } }
    }

    // MARK: Evaluation

    private static func apply(_ step: Step, to value: JSONValue) -> [JSONValue] {
        switch step {
        case .member(let name): return value[name].map { [$0] } ?? []
        case .element(let index):
            guard let elements = value.arrayValue else { return [] }
            let place = index < 0 ? elements.count + index : index
            return elements.indices.contains(place) ? [elements[place]] : []
        case .slice(let from, let to, let step):
            guard let elements = value.arrayValue else { return [] }
            func place(_ index: Int) -> Int { max(0, min(elements.count, index < 0 ? elements.count + index : index)) }
            let (start, end) = (place(from ?? 0), place(to ?? elements.count))
            return start < end ? stride(from: start, to: end, by: max(1, step)).map { elements[$0] } : []
        case .all: return children(of: value)
        case .descent(let name): return descendants(of: value).compactMap { $0[name] }
        case .filter(let path, let operation, let literal):
            return (value.arrayValue ?? []).filter { element in
                let found = path.values(in: element)
                return operation.isEmpty
                    ? !found.isEmpty : found.contains { compare($0, operation, literal) }
            }
        }
    }

    private static func children(of value: JSONValue) -> [JSONValue] {
        switch value {
        case .array(let elements): elements
        case .object(let members): members.sorted { $0.key < $1.key }.map(\.value)
        default: []
        }
    }

    private static func descendants(of value: JSONValue) -> [JSONValue] {
        [value] + children(of: value).flatMap(descendants)
    }

    private static func compare(_ a: JSONValue, _ operation: String, _ b: JSONValue) -> Bool {
        let isLess: Bool
        let isEqual: Bool
        if let a = a.doubleValue, let b = b.doubleValue {
            (isLess, isEqual) = (a < b, a == b)
        } else if let a = a.stringValue, let b = b.stringValue {
            (isLess, isEqual) = (a < b, a == b)
        } else {
            guard operation == "==" || operation == "!=" else { return false }
            (isLess, isEqual) = (false, a == b)
        }
        switch operation {
        case "==": return isEqual
        case "!=": return !isEqual
        case "<": return isLess
        case "<=": return isLess || isEqual
        case ">": return !isLess && !isEqual
        default: return !isLess
        }
    }

    // MARK: Reading

    private static func read(_ reader: inout ColumnPathReader, until end: String?, depth: Int) -> [Step]? {
        guard depth <= depthLimit else { return nil }
        var steps: [Step] = []
        while !reader.isAtEnd {
            if let end, reader.hasPrefix(end) { return steps }
            if reader.take("..") {
                reader.descents += 1
                guard reader.descents <= descentLimit, let name = reader.name() else { return nil }
                steps.append(.descent(name))
            } else if reader.take(".") {
                if reader.isAtEnd || reader.hasPrefix("[") { continue }
                if reader.take("*") {
                    steps.append(.all)
                } else if let name = reader.name() {
                    steps.append(.member(name))
                } else {
                    return nil
                }
            } else if reader.take("[") {
                guard let step = bracket(&reader, depth: depth) else { return nil }
                steps.append(step)
            } else {
                // Inside a filter a comparison follows.
                return end == nil ? nil : steps
            }
        }
        return end == nil ? steps : nil
    }

    private static func bracket(_ reader: inout ColumnPathReader, depth: Int) -> Step? {
        if reader.take("?(") {
            guard reader.take("@"), let path = read(&reader, until: ")", depth: depth + 1) else { return nil }
            reader.skipSpaces()
            let operation = ["==", "!=", "<=", ">=", "<", ">"].first { reader.take($0) } ?? ""
            var literal = JSONValue.null
            if !operation.isEmpty {
                reader.skipSpaces()
                guard let read = reader.literal() else { return nil }
                literal = read
            }
            reader.skipSpaces()
            guard reader.take(")"), reader.take("]") else { return nil }
            return .filter(path: ColumnPath(steps: path), operation: operation, literal: literal)
        }
        if reader.take("*") { return reader.take("]") ? .all : nil }
        if let name = reader.quoted() { return reader.take("]") ? .member(name) : nil }
        let first = reader.number()
        if reader.take("]") { return first.map { .element($0) } }
        guard reader.take(":") else { return nil }
        let second = reader.number()
        let step = reader.take(":") ? reader.number() ?? 1 : 1
        return reader.take("]") ? .slice(first, second, step) : nil
    }
}

/// Goes through the text of a path.
private struct ColumnPathReader {
    private let text: [Character]
    private var position = 0
    /// Those that were read so far, also within filters.
    var descents = 0

    /// kubectl's braces around it are allowed.
    init(_ text: String) {
        let isBraced = text.hasPrefix("{") && text.hasSuffix("}")
        self.text = Array(isBraced ? text.dropFirst().dropLast() : text[...])
    }

    var isAtEnd: Bool { position >= text.count }

    func hasPrefix(_ prefix: String) -> Bool { text[position...].starts(with: prefix) }

    mutating func take(_ prefix: String) -> Bool {
        guard hasPrefix(prefix) else { return false }
        position += prefix.count
        return true
    }

    mutating func skipSpaces() { while take(" ") {} }

    /// A member's name; a backslash takes the next character as it is.
    mutating func name() -> String? {
        var name = ""
        while position < text.count, !".[]()=!<> ".contains(text[position]) {
            if text[position] == "\\", position + 1 < text.count { position += 1 }
            name.append(text[position])
            position += 1
        }
        return name.isEmpty ? nil : name
    }

    mutating func quoted() -> String? {
        guard position < text.count, text[position] == "'" || text[position] == "\"" else { return nil }
        let quote = text[position]
        var end = position + 1
        var content = ""
        while end < text.count, text[end] != quote {
            if text[end] == "\\", end + 1 < text.count { end += 1 }
            content.append(text[end])
            end += 1
        }
        guard end < text.count else { return nil }
        position = end + 1
        return content
    }

    mutating func number() -> Int? {
        var digits = ""
        while position < text.count, text[position] == "-" || text[position].isNumber {
            digits.append(text[position])
            position += 1
        }
        return Int(digits)
    }

    mutating func literal() -> JSONValue? {
        if let text = quoted() { return .string(text) }
        for (word, value) in [("true", true), ("false", false)] where take(word) { return .bool(value) }
        let start = position
        while position < text.count, !") ".contains(text[position]) { position += 1 }
        let word = String(text[start..<position])
        return Int64(word).map { .integer($0) } ?? Double(word).map { .number($0) }
    }
}
