import HTTPServing
import JSON
import NIOCore

/// What a client does to a command.
enum CommandInput: Equatable {
    case stdin(ByteBuffer)
    case stdinEnd
    case resize(rows: UInt16, columns: UInt16)
}

/// What a command writes.
enum CommandOutput: Sendable {
    case stdout
    case stderr
}

/// A client's side of a session, as it comes in. Used by one task.
protocol CommandReader {
    associatedtype Writer: CommandWriter
    /// Returns once the client has everything ready, nil when it is gone before.
    mutating func begin() async throws -> Writer?
    /// What the client does next; nil when it is gone.
    mutating func next() async throws -> CommandInput?
}

/// A client's side of a session, as it goes out.
protocol CommandWriter: Sendable {
    func write(_ bytes: ByteBuffer, to output: CommandOutput) async throws
    /// The last word: the output is whole, and this is how it ended.
    func end(_ report: CommandReport) async throws
    /// The last word to a client that breaks the rules.
    func refuse(_ error: any Error) async throws
}

/// The size that kubectl sends with each change of its window.
enum TerminalSize {
    /// `{"Width":80,"Height":24}`; nil for anything else, and for no size.
    static func parse(_ bytes: ByteBuffer) -> CommandInput? {
        guard let value = try? JSONValue(parsing: Array(bytes.readableBytesView)),
            let width = (value["Width"] ?? value["width"])?.intValue.flatMap(UInt16.init(exactly:)),
            let height = (value["Height"] ?? value["height"])?.intValue.flatMap(UInt16.init(exactly:)),
            width > 0, height > 0
        else { return nil }
        return .resize(rows: height, columns: width)
    }
}
