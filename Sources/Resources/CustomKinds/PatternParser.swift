/// Reads RE2's syntax. What RE2 lacks, as back-references and lookaround, is refused in Go's words.
struct PatternParser {
    private struct Flags {
        var foldsCase = false
        var isMultiline = false
        var dotTakesNewline = false
    }

    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var flags = Flags()

    private static let depthLimit = 200
    private static let repeatLimit = 1_000

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        position += 1
        return true
    }

    private func string(_ range: some RangeExpression<Int>) -> String {
        var string = ""
        string.unicodeScalars.append(contentsOf: text[range.relative(to: text)])
        return string
    }

    private func fault(_ what: String, from start: Int = 0) -> TextPattern.Fault {
        TextPattern.Fault(message: "error parsing regexp: \(what): `\(string(start..<position))`")
    }

    mutating func whole() throws(TextPattern.Fault) -> PatternNode {
        let node = try choice()
        guard next == nil else {
            position = text.count
            throw fault("unexpected )")
        }
        return node
    }

    private mutating func choice() throws(TextPattern.Fault) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw fault("expression nests too deeply") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(TextPattern.Fault) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let start = position
            let node = try atom()
            nodes.append(try repetitions(of: node, from: start))
        }
        return nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    // MARK: Repetitions

    private mutating func repetitions(of node: PatternNode, from start: Int) throws(TextPattern.Fault) -> PatternNode {
        var node = node
        var count = 0
        var operation = position
        while let bounds = try bounds() {
            count += 1
            if count > 1 { throw fault("invalid nested repetition operator", from: start) }
            // Whether it is greedy makes no difference to whether there is a match.
            _ = take("?")
            node = .repeated(node, bounds.least, bounds.most)
            if max(bounds.least, bounds.most ?? 0) >= 2, !node.repeats(atMost: Self.repeatLimit) {
                throw fault("invalid repeat count", from: operation)
            }
            operation = position
        }
        return node
    }

    private mutating func bounds() throws(TextPattern.Fault) -> (least: Int, most: Int?)? {
        let start = position
        switch next {
        case "*": position += 1; return (0, nil)
        case "+": position += 1; return (1, nil)
        case "?": position += 1; return (0, 1)
        case "{": position += 1
        default: return nil
        }
        let least = number()
        var most = least
        if take(",") { most = number() }
        guard let least, take("}") else {
            // As in Go, a brace that bounds nothing stands for itself.
            position = start
            return nil
        }
        let isOpen = most == nil
        if least > Self.repeatLimit || (most ?? 0) > Self.repeatLimit || (!isOpen && (most ?? 0) < least) {
            throw fault("invalid repeat count", from: start)
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let start = position
        while let scalar = next, ScalarSet.digit.contains(scalar), position - start < 6 { position += 1 }
        return Int(string(start..<position))
    }

    // MARK: Atoms

    private mutating func atom() throws(TextPattern.Fault) -> PatternNode {
        guard let scalar = next else { return .empty }
        let start = position
        position += 1
        switch scalar {
        case "(": return try group(from: start)
        case "[": return .set(folded(try bracket(from: start)))
        case ".": return .set(flags.dotTakesNewline ? .any : .anyButNewline)
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "*", "+", "?": throw fault("missing argument to repetition operator", from: start)
        case "\\": return try escape(from: start)
        default: return .set(folded(ScalarSet(scalar)))
        }
    }

    private func folded(_ set: ScalarSet) -> ScalarSet { flags.foldsCase ? set.foldingCase : set }

    private mutating func group(from start: Int) throws(TextPattern.Fault) -> PatternNode {
        let outer = flags
        if take("?") {
            if take("P") || next == "<" {
                guard take("<"), let end = text[position...].firstIndex(of: ">"), end > position,
                    text[position..<end].allSatisfy(ScalarSet.word.contains)
                else { throw unsupported(start) }
                position = end + 1
            } else if try takeFlags(from: start) {
                // `(?i)`: for the rest of the group around it.
                return .empty
            }
        }
        let node = try choice()
        guard take(")") else {
            position = text.count
            throw fault("missing closing )")
        }
        flags = outer
        return node
    }

    private mutating func unsupported(_ start: Int) -> TextPattern.Fault {
        position = min(position + 1, text.count)
        return fault("invalid or unsupported Perl syntax", from: start)
    }

    /// True for flags without a group of their own.
    private mutating func takeFlags(from start: Int) throws(TextPattern.Fault) -> Bool {
        var isSet = true
        while let scalar = next {
            switch scalar {
            case "i": flags.foldsCase = isSet
            case "m": flags.isMultiline = isSet
            case "s": flags.dotTakesNewline = isSet
            case "U": break
            case "-" where isSet: isSet = false
            case ":", ")":
                position += 1
                return scalar == ")"
            default: throw unsupported(start)
            }
            position += 1
        }
        throw fault("missing closing )")
    }

    // MARK: Escapes and brackets

    private mutating func escape(from start: Int) throws(TextPattern.Fault) -> PatternNode {
        guard let scalar = next else { throw fault("trailing backslash at end of expression") }
        switch scalar {
        case "A": position += 1; return .assertion(.textStart)
        case "z": position += 1; return .assertion(.textEnd)
        case "b": position += 1; return .assertion(.wordBoundary)
        case "B": position += 1; return .assertion(.noWordBoundary)
        case "Q":
            position += 1
            return quoted()
        default: break
        }
        if let set = try perlClass(from: start) { return .set(folded(set)) }
        return .set(folded(ScalarSet(try escapedScalar(from: start))))
    }

    private mutating func quoted() -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = next {
            position += 1
            if scalar == "\\", take("E") { break }
            nodes.append(.set(folded(ScalarSet(scalar))))
        }
        return .sequence(nodes)
    }

    /// `\d` and the like, and categories; the backslash was read.
    private mutating func perlClass(from start: Int) throws(TextPattern.Fault) -> ScalarSet? {
        guard let scalar = next else { return nil }
        let sets: [Unicode.Scalar: ScalarSet] = [
            "d": .digit, "D": ScalarSet.digit.negated, "w": .word, "W": ScalarSet.word.negated, "s": .space,
            "S": ScalarSet.space.negated,
        ]
        if let set = sets[scalar] {
            position += 1
            return set
        }
        guard scalar == "p" || scalar == "P" else { return nil }
        position += 1
        var name = ""
        if take("{") {
            while let letter = next, letter != "}" {
                name.unicodeScalars.append(letter)
                position += 1
            }
            _ = take("}")
        } else if let letter = next {
            name.unicodeScalars.append(letter)
            position += 1
        }
        let isNegated = name.hasPrefix("^")
        guard let set = ScalarSet(category: isNegated ? String(name.dropFirst()) : name) else {
            throw fault("invalid character class range", from: start)
        }
        return (scalar == "P") != isNegated ? set.negated : set
    }

    private mutating func escapedScalar(from start: Int) throws(TextPattern.Fault) -> Unicode.Scalar {
        guard let scalar = next else { throw fault("trailing backslash at end of expression") }
        position += 1
        let controls: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "f": "\u{0C}", "v": "\u{0B}", "a": "\u{07}",
        ]
        if let control = controls[scalar] { return control }
        if scalar == "x" {
            let braced = take("{")
            let digits = position
            while let digit = next, digit.properties.isASCIIHexDigit, braced || position - digits < 2 { position += 1 }
            let value = UInt32(string(digits..<position), radix: 16).flatMap(Unicode.Scalar.init)
            guard let value, !braced || take("}") else { throw fault("invalid escape sequence", from: start) }
            return value
        }
        guard scalar.isASCII, !ScalarSet.word.contains(scalar) else {
            throw fault("invalid escape sequence", from: start)
        }
        return scalar
    }

    private mutating func bracket(from start: Int) throws(TextPattern.Fault) -> ScalarSet {
        var set = ScalarSet()
        let isNegated = take("^")
        var isFirst = true
        while let scalar = next, isFirst || scalar != "]" {
            isFirst = false
            if scalar == "[", position + 1 < text.count, text[position + 1] == ":", let named = try posix(from: start) {
                set.add(named)
                continue
            }
            let itemStart = position
            position += 1
            if scalar == "\\", let named = try perlClass(from: itemStart) {
                set.add(named)
                continue
            }
            let low = scalar == "\\" ? try escapedScalar(from: itemStart) : scalar
            var high = low
            if next == "-", position + 1 < text.count, text[position + 1] != "]" {
                position += 2
                high = text[position - 1]
                if high == "\\" { high = try escapedScalar(from: position - 1) }
            }
            guard low <= high else { throw fault("invalid character class range", from: itemStart) }
            set.add(low...high)
        }
        guard take("]") else { throw fault("missing closing ]", from: start) }
        return isNegated ? set.negated : set
    }

    private mutating func posix(from start: Int) throws(TextPattern.Fault) -> ScalarSet? {
        guard let end = text[position...].firstIndex(of: "]"), end > position + 2, text[end - 1] == ":" else {
            return nil
        }
        let name = string((position + 2)..<(end - 1))
        let isNegated = name.hasPrefix("^")
        guard let set = ScalarSet.posix[isNegated ? String(name.dropFirst()) : name] else {
            throw fault("invalid character class range", from: start)
        }
        position = end + 1
        return isNegated ? set.negated : set
    }
}
