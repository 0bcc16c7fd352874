/// The words of a runtime command line, parsed by hand: this face of the program is judged by its start-up.
struct RuntimeArguments {
    /// A wrong use of the command line.
    struct UsageError: Error, CustomStringConvertible {
        let description: String
    }

    /// What a verb takes. An option is known by all of its names and kept under the first.
    struct Grammar {
        var flags: [[String]] = []
        var values: [[String]] = []
        /// Everything after the first word belongs to somebody else's command line.
        var endsAtFirstWord = false
    }

    private(set) var words: [String] = []
    private var flags: Set<String> = []
    private var values: [String: [String]] = [:]

    /// Takes from the front of `rest` what belongs to the grammar.
    init(_ rest: inout ArraySlice<String>, _ grammar: Grammar) throws {
        while let word = rest.first {
            guard word.utf8.first == UInt8(ascii: "-"), word != "-" else {
                if grammar.endsAtFirstWord && words.count == 1 { break }
                words.append(word)
                rest.removeFirst()
                continue
            }
            // Options after the first word are the other command's.
            if grammar.endsAtFirstWord, !words.isEmpty { break }
            rest.removeFirst()
            if word == "--" { break }
            try take(word, &rest, grammar)
        }
        if !grammar.endsAtFirstWord {
            words += rest
            rest = []
        }
    }

    private mutating func take(_ word: String, _ rest: inout ArraySlice<String>, _ grammar: Grammar) throws {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let name = String(parts[0].drop { $0 == "-" })
        if let option = grammar.values.first(where: { $0.contains(name) }) {
            let value: String
            if parts.count == 2 {
                value = parts[1]
            } else {
                guard let next = rest.popFirst() else { throw UsageError(description: "option \(word) needs a value") }
                value = next
            }
            values[option[0], default: []].append(value)
        } else if let option = grammar.flags.first(where: { $0.contains(name) }) {
            guard parts.count == 1 || ["true", "false"].contains(parts[1]) else {
                throw UsageError(description: "option \(parts[0]) takes true or false")
            }
            if parts.count == 1 || parts[1] == "true" { flags.insert(option[0]) }
        } else if name.count > 1, !word.hasPrefix("--"), name.allSatisfy({ grammar.isFlag(String($0)) }) {
            for letter in name { try take("-\(letter)", &rest, grammar) }
        } else {
            throw UsageError(description: "unknown option \(word)")
        }
    }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    subscript(option: String) -> String? { values[option]?.last }

    func all(_ option: String) -> [String] { values[option] ?? [] }

    func number<Number: FixedWidthInteger>(_ option: String, _ type: Number.Type = Number.self) throws -> Number? {
        guard let text = self[option] else { return nil }
        guard let number = Number(text) else {
            throw UsageError(description: "--\(option): \"\(text)\" is not a number in range")
        }
        return number
    }

    /// A size in bytes with a unit such as `64m`; -1 is none.
    func bytes(_ option: String) throws -> Int64? {
        guard let text = self[option] else { return nil }
        let digits = text.prefix { $0.isNumber || $0 == "-" }
        let units: [String: Int64] = ["": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
        var unit = text.dropFirst(digits.count).lowercased()
        if unit.hasSuffix("ib") {
            unit = String(unit.dropLast(2))
        } else if unit.count > 1, unit.hasSuffix("b") {
            unit.removeLast()
        }
        guard let number = Int64(digits), let factor = units[unit],
            case let (result, overflow) = number.multipliedReportingOverflow(by: factor),
            !overflow
        else { throw UsageError(description: "--\(option): \"\(text)\" is not a size such as 64m") }
        return result
    }
}

extension RuntimeArguments.Grammar {
    fileprivate func isFlag(_ name: String) -> Bool { flags.contains { $0.contains(name) } }
}
