import NIOCore
import Testing

@testable import Streams

@Suite struct WebSocketTests {
    /// A client's frame.
    static func frame(
        _ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    ) -> [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
        switch payload.count {
        case ..<126: bytes.append(0x80 | UInt8(payload.count))
        case ..<65536: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default: bytes += [0x80 | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    /// What a decoder makes of bytes that come in pieces of a size.
    static func events(_ bytes: [UInt8], pieces: Int = .max) throws -> [WebSocketEvent] {
        var decoder = WebSocketDecoder()
        var events: [WebSocketEvent] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            decoder.append(ByteBuffer(bytes: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
            while let event = try decoder.next() { events.append(event) }
        }
        return events
    }

    static func joined(_ events: [WebSocketEvent]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        for case .data(let piece, let isFirst, _) in events {
            if isFirst { messages.append([]) }
            messages[messages.count - 1] += Array(piece.readableBytesView)
        }
        return messages
    }

    @Test func handshakeAnswersAsTheStandardsExample() {
        #expect(WebSocketHandshake.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(WebSocketHandshake.accept(key: "short") == nil)
    }

    @Test func messagesAreUnmaskedWhateverPiecesTheyComeIn() throws {
        let long = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let medium = Array(long.prefix(300))
        let short = Self.frame(1, Array("Hello".utf8)) + Self.frame(2, []) + Self.frame(2, medium)
        for pieces in [1, 2, 3] {
            let messages = Self.joined(try Self.events(short, pieces: pieces))
            #expect(messages == [Array("Hello".utf8), [], medium], "in pieces of \(pieces)")
        }
        for pieces in [701, 65_536, Int.max] {
            let messages = Self.joined(try Self.events(short + Self.frame(2, long), pieces: pieces))
            #expect(messages == [Array("Hello".utf8), [], medium, long], "in pieces of \(pieces)")
        }
    }

    @Test func fragmentsMakeOneMessageAndControlFramesComeBetween() throws {
        let bytes =
            Self.frame(2, [1, 2], isFinal: false) + Self.frame(9, [9]) + Self.frame(0, [3], isFinal: false)
            + Self.frame(0, [4]) + Self.frame(10, []) + Self.frame(8, [3, 232])
        #expect(
            try Self.events(bytes) == [
                .data(ByteBuffer(bytes: [1, 2]), isFirst: true, isLast: false), .ping(ByteBuffer(bytes: [9])),
                .data(ByteBuffer(bytes: [3]), isFirst: false, isLast: false),
                .data(ByteBuffer(bytes: [4]), isFirst: false, isLast: true), .pong, .close(1000),
            ])
    }

    @Test func nothingFollowsAClose() throws {
        #expect(try Self.events(Self.frame(8, []) + [0xFF, 0xFF, 0xFF]) == [.close(nil)])
    }

    @Test(
        arguments: [
            ("unmasked", [0x82, 0x01, 0x00]), ("reserved bit", [0xC2, 0x80, 0, 0, 0, 0]),
            ("unknown opcode", [0x83, 0x80, 0, 0, 0, 0]), ("long ping", [0x89, 0x80 | 126, 0, 126]),
            ("fragmented ping", [0x09, 0x80, 0, 0, 0, 0]), ("continuation of nothing", [0x80, 0x80, 0, 0, 0, 0]),
            ("message in a message", [0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0]),
            ("half a status", [0x88, 0x81, 0, 0, 0, 0, 1]),
        ] as [(String, [UInt8])])
    func refusesWhatTheStandardForbids(_ what: String, _ bytes: [UInt8]) {
        #expect(throws: StreamError.self) { try Self.events(bytes) }
    }

    @Test func refusesHugeFramesByTheirHeader() {
        for length: [UInt8] in [
            [0, 0, 0, 0, 2, 0, 0, 1], [0x80, 0, 0, 0, 0, 0, 0, 0], Array(repeating: 0xFF, count: 8),
        ] {
            let error = #expect(throws: StreamError.self) { try Self.events([0x82, 0xFF] + length) }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func serverFramesAreAsTheStandardsExamples() {
        #expect(
            Array(WebSocketEncoder.message(prefix: [1], ByteBuffer(bytes: [7, 8])).readableBytesView) == [
                0x82, 3, 1, 7, 8,
            ])
        #expect(Array(WebSocketEncoder.close(.normal).readableBytesView) == [0x88, 2, 3, 232])
        #expect(Array(WebSocketEncoder.pong(ByteBuffer(bytes: [5])).readableBytesView) == [0x8A, 1, 5])
        let medium = WebSocketEncoder.message(ByteBuffer(repeating: 0, count: 126))
        #expect(Array(medium.readableBytesView.prefix(4)) == [0x82, 126, 0, 126])
        let large = WebSocketEncoder.message(ByteBuffer(repeating: 0, count: 65536))
        #expect(Array(large.readableBytesView.prefix(10)) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])
    }
}

@Suite struct ChannelTests {
    private func events(_ version: ChannelProtocol, _ pieces: [([UInt8], Bool, Bool)]) throws -> [ChannelMessages.Event]
    {
        var messages = ChannelMessages(version, whole: [4])
        return try pieces.compactMap {
            try messages.receive(ByteBuffer(bytes: $0.0), isFirst: $0.1, isLast: $0.2)
        }
    }

    @Test func aMessagesPiecesGoToTheChannelOfItsFirstByte() throws {
        #expect(
            try events(.v5, [([0, 1], true, false), ([2], false, true), ([], true, false), ([0, 3], false, true)]) == [
                .data(0, ByteBuffer(bytes: [1])), .data(0, ByteBuffer(bytes: [2])), .data(0, ByteBuffer(bytes: [3])),
            ])
        #expect(try events(.v5, [([], true, true), ([0], true, true)]).isEmpty)
    }

    @Test func sizesComeWhole() throws {
        #expect(
            try events(.v4, [([4, 1], true, false), ([2], false, true)]) == [.message(4, ByteBuffer(bytes: [1, 2]))])
        #expect(throws: StreamError.self) {
            try events(.v4, [([4], true, false), (Array(repeating: 0, count: 1025), false, true)])
        }
    }

    @Test func onlyVersion5ClosesChannels() throws {
        #expect(try events(.v5, [([255, 0], true, true)]) == [.closed(0)])
        #expect(try events(.v4, [([255, 0], true, true)]) == [.data(255, ByteBuffer(bytes: [0]))])
        #expect(throws: StreamError.self) { try events(.v5, [([255], true, true)]) }
        #expect(throws: StreamError.self) { try events(.v5, [([255, 0, 0], true, true)]) }
    }

    @Test func theClientsFirstKnownProtocolIsChosen() {
        #expect(
            ChannelProtocol.chosen(from: ["base64.channel.k8s.io", "v4.channel.k8s.io", "v5.channel.k8s.io"]) == .v4)
        #expect(ChannelProtocol.chosen(from: ["v9.channel.k8s.io"]) == nil)
    }
}
