import HTTPServing
import JSON
import NIOCore
import Resources
import Streams

/// A client that opens a SPDY stream for each of a command's.
struct SPDYCommandReader: CommandReader {
    private let version: StreamVersion
    private let options: PodStreamOptions
    private var events: SPDYEvents
    private var streams: [String: UInt32] = [:]
    private var size = ByteBuffer()
    /// What came in one stream before all of them were there.
    private var early: [SPDYConnection.Event] = []
    private static let mostEarly = 16

    init(_ stream: ByteStream, _ version: StreamVersion, _ options: PodStreamOptions) {
        self.version = version
        self.options = options
        events = SPDYEvents(SPDYLink(stream, isTunnelled: false), mostStreams: 8)
    }

    private var expected: Set<String> {
        var names: Set = ["error"]
        if options.stdin { names.insert("stdin") }
        if options.stdout { names.insert("stdout") }
        if options.stderr { names.insert("stderr") }
        if options.tty, version.hasResize { names.insert("resize") }
        return names
    }

    mutating func begin() async throws -> SPDYCommandWriter? {
        let expected = expected
        while !expected.isSubset(of: streams.keys) {
            guard let event = try await events.next() else { return nil }
            guard case .opened(let id, let headers) = event else {
                early.append(event)
                guard early.count <= Self.mostEarly else {
                    throw StreamError(.tooLarge, "a client sends much before it has opened all streams")
                }
                continue
            }
            guard let name = headers["streamtype"], expected.contains(name), streams[name] == nil else {
                try await events.reset(id, .refused)
                continue
            }
            streams[name] = id
            try await events.accept(id)
        }
        return SPDYCommandWriter(
            link: events.link, tellsStatus: version.tellsStatus, error: streams["error"], stdout: streams["stdout"],
            stderr: streams["stderr"], goAway: events.connection.goAway())
    }

    mutating func next() async throws -> CommandInput? {
        while let event = early.isEmpty ? try await events.next() : early.removeFirst() {
            switch event {
            case .data(let id, let bytes):
                if id == streams["stdin"] { return .stdin(bytes) }
                if id == streams["resize"], let size = try resize(bytes) { return size }
            case .ended(let id), .reset(let id): if id == streams["stdin"] { return .stdinEnd }
            case .opened(let id, _): try await events.reset(id, .refused)
            case .answer, .goAway: break
            }
        }
        return nil
    }

    /// Sizes follow each other in the stream, each ended by a brace; frames may cut them anywhere.
    private mutating func resize(_ bytes: ByteBuffer) throws -> CommandInput? {
        size.writeImmutableBuffer(bytes)
        var last: CommandInput?
        while let end = size.readableBytesView.firstIndex(of: UInt8(ascii: "}")),
            let text = size.readSlice(length: end - size.readableBytesView.startIndex + 1)
        {
            last = TerminalSize.parse(text) ?? last
        }
        guard size.readableBytes <= ChannelMessages.largestMessage else {
            throw StreamError(.tooLarge, "a terminal's size is longer than 1024 bytes")
        }
        if size.readableBytes == 0 { size.clear() }
        return last
    }
}

struct SPDYCommandWriter: CommandWriter {
    let link: SPDYLink
    let tellsStatus: Bool
    let error: UInt32?
    let stdout: UInt32?
    let stderr: UInt32?
    let goAway: ByteBuffer

    func write(_ bytes: ByteBuffer, to output: CommandOutput) async throws {
        guard let id = output == .stdout ? stdout : stderr else { return }
        try await link.send(SPDYConnection.data(id, bytes))
    }

    func end(_ report: CommandReport) async throws {
        for id in [stdout, stderr].compactMap(\.self) {
            try await link.send(SPDYConnection.data(id, ByteBuffer(), isLast: true))
        }
        let text = tellsStatus ? report.status.serialized() : Array(report.text.utf8)
        if let error { try await link.send(SPDYConnection.data(error, ByteBuffer(bytes: text), isLast: true)) }
        try await link.send(goAway)
    }

    func refuse(_ error: any Error) async throws { try await link.send(goAway) }
}
