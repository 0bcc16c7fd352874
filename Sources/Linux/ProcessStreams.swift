/// Our ends of a process's standard streams. Whoever receives them owns the descriptors, and closes each.
public struct ProcessStreams: Sendable {
    /// What the process reads is written here; the terminal's master, to be written and resized, when it has a terminal.
    public var input: Int32?
    /// What the process writes; the terminal's master when `input` is the same descriptor.
    public var stdout: Int32?
    public var stderr: Int32?
    public var hasTerminal: Bool

    public init(input: Int32? = nil, stdout: Int32? = nil, stderr: Int32? = nil, hasTerminal: Bool = false) {
        self.input = input
        self.stdout = stdout
        self.stderr = stderr
        self.hasTerminal = hasTerminal
    }

    /// Closes all of them, for one who does not want them after all.
    public func close() {
        for descriptor in Set([input, stdout, stderr].compactMap(\.self)) { closeOne(descriptor) }
    }

    /// Gives the terminal a size; the kernel tells its programs (SIGWINCH).
    public static func resize(terminal: Int32, rows: UInt16, columns: UInt16) throws(SystemError) {
        try systemCall("TIOCSWINSZ") { wherry_terminal_resize(terminal, UInt32(rows), UInt32(columns)) }
    }
}

private func closeOne(_ descriptor: Int32) { close(descriptor) }
