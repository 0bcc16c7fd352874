/// A regular expression of RE2's syntax, as `pattern` in a schema has it.
///
/// It is run as an automaton: the time grows with the text times the expression and never exponentially, and a budget of steps
/// ends what would still take long. See ADR 32.
struct TextPattern: Sendable {
    /// What is wrong with an expression, as Go's `regexp/syntax` says it.
    struct Fault: Error, Hashable {
        let message: String
    }

    private let program: [PatternProgram.Instruction]
    /// What it cost to make, which is at least the number of its instructions.
    let weight: Int

    init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.lengthLimit else {
            throw Fault(message: "error parsing regexp: expression too large")
        }
        var parser = PatternParser(text)
        var program = PatternProgram()
        try program.emit(try parser.whole())
        self.program = program.code + [.match]
        weight = max(program.code.count + 1, program.work)
    }

    private static let lengthLimit = 65_536

    /// Steps that the matches of one object may take together: a fraction of a second.
    static let budget = 20_000_000

    /// Whether some part of the text matches; nil when the budget did not suffice to tell.
    func matches(_ text: String) -> Bool? {
        var budget = Self.budget
        return matches(text, budget: &budget)
    }

    /// The same with a budget that others have drawn on, and will.
    func matches(_ text: String, budget: inout Int) -> Bool? {
        guard budget > 0 else { return nil }
        let scalars = Array(text.unicodeScalars)
        var run = PatternRun(program: program)
        defer { budget -= run.steps }
        for position in 0...scalars.count {
            let before = position > 0 ? scalars[position - 1] : nil
            let after = position < scalars.count ? scalars[position] : nil
            // A match may begin anywhere.
            if run.enter(0, before, after) { return true }
            if run.steps > budget { return nil }
            guard let after else { break }
            let next = position + 1 < scalars.count ? scalars[position + 1] : nil
            if run.advance(over: after, next) { return true }
        }
        return false
    }
}

/// The threads of an automaton at one place of a text.
private struct PatternRun {
    private let program: [PatternProgram.Instruction]
    private var threads: [Int] = []
    /// In which generation an instruction was reached last: each is a thread once.
    private var marks: [Int]
    private var generation = 1
    /// The work so far: every instruction that was looked at, and every range that a character was compared with.
    private(set) var steps: Int

    init(program: [PatternProgram.Instruction]) {
        self.program = program
        marks = Array(repeating: 0, count: program.count)
        steps = 1 + program.count / 16
    }

    /// Adds a thread and what follows from it without reading; true when that reaches the end.
    mutating func enter(_ start: Int, _ before: Unicode.Scalar?, _ after: Unicode.Scalar?) -> Bool {
        var pending = [start]
        while let index = pending.popLast() {
            steps += 1
            guard marks[index] != generation else { continue }
            marks[index] = generation
            switch program[index] {
            case .match: return true
            case .read: threads.append(index)
            case .jump(let target): pending.append(target)
            case .split(let first, let second): pending += [second, first]
            case .check(let assertion): if assertion.holds(before, after) { pending.append(index + 1) }
            }
        }
        return false
    }

    mutating func advance(over scalar: Unicode.Scalar, _ next: Unicode.Scalar?) -> Bool {
        let present = threads
        threads.removeAll(keepingCapacity: true)
        generation += 1
        for index in present {
            guard case .read(let set) = program[index] else { continue }
            steps += set.weight
            if set.contains(scalar), enter(index + 1, scalar, next) { return true }
        }
        return false
    }
}

/// An expression as instructions.
struct PatternProgram {
    enum Instruction: Sendable {
        case read(ScalarSet)
        case check(PatternAssertion)
        case split(Int, Int)
        case jump(Int)
        case match
    }

    /// As in RE2: repetitions are written out, so that their product counts.
    private static let limit = 20_000

    private(set) var code: [Instruction] = []
    /// Nodes that were written out. What is empty makes no instruction and is work all the same.
    private(set) var work = 0

    mutating func emit(_ node: PatternNode) throws(TextPattern.Fault) {
        work += 1
        guard code.count < Self.limit, work < 2 * Self.limit else {
            throw TextPattern.Fault(message: "expression nests or repeats too much")
        }
        switch node {
        case .empty: break
        case .set(let set): code.append(.read(set))
        case .assertion(let assertion): code.append(.check(assertion))
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .choice(let nodes):
            var ends: [Int] = []
            for (index, node) in nodes.enumerated() {
                guard index < nodes.count - 1 else {
                    try emit(node)
                    break
                }
                let split = code.count
                code.append(.jump(0))
                try emit(node)
                ends.append(code.count)
                code.append(.jump(0))
                code[split] = .split(split + 1, code.count)
            }
            for end in ends { code[end] = .jump(code.count) }
        case .repeated(let node, let least, let most):
            for _ in 0..<least { try emit(node) }
            guard let most else {
                let split = code.count
                code.append(.jump(0))
                try emit(node)
                code.append(.jump(split))
                code[split] = .split(split + 1, code.count)
                return
            }
            var splits: [Int] = []
            for _ in least..<max(least, most) {
                splits.append(code.count)
                code.append(.jump(0))
                try emit(node)
            }
            for split in splits { code[split] = .split(split + 1, code.count) }
        }
    }
}

/// An expression as it was read.
indirect enum PatternNode: Sendable {
    case empty
    case set(ScalarSet)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case choice([PatternNode])
    case repeated(PatternNode, Int, Int?)

    /// Whether repetitions within repetitions come to no more than `count`: Go's rule.
    func repeats(atMost count: Int) -> Bool {
        switch self {
        case .empty, .set, .assertion: return true
        case .sequence(let nodes), .choice(let nodes): return nodes.allSatisfy { $0.repeats(atMost: count) }
        case .repeated(let node, let least, let most):
            let times = most ?? least
            if most == 0 { return true }
            guard times <= count else { return false }
            return node.repeats(atMost: times > 0 ? count / times : count)
        }
    }
}

/// A condition on a place in the text.
enum PatternAssertion: Sendable {
    case textStart
    case textEnd
    case lineStart
    case lineEnd
    case wordBoundary
    case noWordBoundary

    func holds(_ before: Unicode.Scalar?, _ after: Unicode.Scalar?) -> Bool {
        switch self {
        case .textStart: before == nil
        case .textEnd: after == nil
        case .lineStart: before == nil || before == "\n"
        case .lineEnd: after == nil || after == "\n"
        case .wordBoundary: Self.isWord(before) != Self.isWord(after)
        case .noWordBoundary: Self.isWord(before) == Self.isWord(after)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool { scalar.map(ScalarSet.word.contains) ?? false }
}
