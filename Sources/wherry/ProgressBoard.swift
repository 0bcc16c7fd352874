import Linux

/// What a person sees of a pull: on a terminal a line for each layer that moves, in a file a line for each step.
struct ProgressBoard {
    private static let reportEvery = 10

    /// Narrow enough for any terminal: a line that wrapped would move all the others.
    private static let columns = 79

    private let isTerminal = isatty(STDOUT_FILENO) == 1
    /// Layers in the order of their appearance.
    private var rows: [String] = []
    private var lines: [String: String] = [:]
    /// The last full ten per cent that a file was told of.
    private var tenths: [String: Int] = [:]

    mutating func say(_ text: String) {
        finish()
        write(text + "\n")
    }

    /// Takes one step: of a layer when it has an id, else of the whole.
    mutating func update(id: String?, _ status: String, current: Int?, total: Int?) {
        guard let id else { return say(status) }
        let line = "\(id): \(status)" + (Self.amount(current, total).map { " " + $0 } ?? "")
        if isTerminal { draw(id, line) } else { report(id, line, current, total) }
    }

    /// Leaves the lines that stand; what comes next is below them.
    mutating func finish() {
        rows = []
        lines = [:]
    }

    private mutating func draw(_ id: String, _ line: String) {
        if lines[id] == nil {
            rows.append(id)
            write("\n")
        }
        lines[id] = line
        let up = rows.count - (rows.firstIndex(of: id) ?? 0)
        // Up to the row, clear it, write, and back down.
        write("\u{1b}[\(up)A\r\u{1b}[2K\(line.prefix(Self.columns))\u{1b}[\(up)B\r")
    }

    private mutating func report(_ id: String, _ line: String, _ current: Int?, _ total: Int?) {
        if let current, let total, total > 0 {
            let step = current * 100 / total / Self.reportEvery
            guard step > tenths[id] ?? 0 else { return }
            tenths[id] = step
        } else if lines[id] == line {
            return
        }
        lines[id] = line
        write(line + "\n")
    }

    private static func amount(_ current: Int?, _ total: Int?) -> String? {
        guard let current, let total, total > 0 else { return nil }
        return "\(current * 100 / total) % of \(ByteCount.text(total))"
    }

    private func write(_ text: String) {
        print(text, terminator: "")
        fflush(nil)
    }
}
