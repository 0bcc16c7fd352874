import CZlib
import NIOCore
import Testing

@testable import Streams

/// Packs headers as Go's spdystream does: zlib with the dictionary, flushed after each block.
final class HeaderDeflater {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init(dictionary: [UInt8]? = SPDYDictionary.bytes) {
        stream.initialize(to: z_stream())
        deflateInit_(stream, Z_BEST_COMPRESSION, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        if let dictionary { deflateSetDictionary(stream, dictionary, UInt32(dictionary.count)) }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    func pack(_ bytes: [UInt8]) -> [UInt8] {
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + 4096)
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                deflate(stream, Z_SYNC_FLUSH)
                return output.count - Int(stream.pointee.avail_out)
            }
        }
        return Array(output.prefix(count))
    }

    func pack(_ headers: [(String, String)]) -> [UInt8] { pack(SPDYTests.block(headers)) }
}

@Suite struct SPDYTests {
    static func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    static func block(_ headers: [(String, String)]) -> [UInt8] {
        word(headers.count)
            + headers.flatMap { word($0.0.utf8.count) + Array($0.0.utf8) + word($0.1.utf8.count) + Array($0.1.utf8) }
    }

    static func control(_ type: UInt8, flags: UInt8 = 0, _ body: [UInt8]) -> [UInt8] {
        [0x80, 3, 0, type, flags] + word(body.count).dropFirst() + body
    }

    static func open(_ stream: Int, _ packed: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        control(1, flags: flags, word(stream) + word(0) + [0, 0] + packed)
    }

    static func data(_ stream: Int, _ bytes: [UInt8], isLast: Bool = false) -> [UInt8] {
        word(stream) + [isLast ? 1 : 0] + word(bytes.count).dropFirst() + bytes
    }

    static func events(_ bytes: [UInt8], pieces: Int = .max, mostStreams: Int = 4) throws -> [SPDYConnection.Event] {
        var connection = SPDYConnection(mostStreams: mostStreams)
        var events: [SPDYConnection.Event] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            connection.append(ByteBuffer(bytes: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
            while let event = try connection.next() { events.append(event) }
        }
        return events
    }

    @Test func dictionaryIsTheStandards() {
        #expect(SPDYDictionary.bytes.count == 1423)
        #expect(adler32(1, SPDYDictionary.bytes, UInt32(SPDYDictionary.bytes.count)) == 0xE3C6_A7C2)
    }

    /// What kubectl 1.28 sends for `kubectl exec p -- …`, from the wire.
    @Test func kubectlsFramesAreRead() throws {
        let captured: [UInt8] = [
            0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x29, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0x78, 0xF9, 0xE3, 0xC6, 0xA7, 0xC2, 0x62, 0x60, 0x60, 0x60, 0x04, 0xA7, 0xB3, 0x92,
            0xA2, 0xD4, 0xC4, 0x5C, 0x68, 0x51, 0xC2, 0x9A, 0x0A, 0x0A, 0x68, 0x00, 0x00, 0x00, 0x00, 0xFF,
            0xFF,
            0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x19, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0xC2, 0x2A, 0xC5, 0x56, 0x5C, 0x92, 0x92, 0x5F, 0x5A, 0x02, 0x00, 0x00, 0x00, 0xFF,
            0xFF,
        ]
        for pieces in [1, 3, Int.max] {
            #expect(
                try Self.events(captured, pieces: pieces) == [
                    .opened(1, headers: ["streamtype": "error"]), .opened(3, headers: ["streamtype": "stdout"]),
                ])
        }
    }

    @Test func headersOfSeveralStreamsBuildOnEachOther() throws {
        let packer = HeaderDeflater()
        let bytes =
            Self.open(1, packer.pack([("Streamtype", "error"), ("Port", "80"), ("requestID", "0")]))
            + Self.open(3, packer.pack([("Streamtype", "data"), ("Port", "80"), ("requestID", "0")]))
            + Self.data(3, [1, 2, 3], isLast: true)
        for pieces in [1, 5, 9, Int.max] {
            let events = try Self.events(bytes, pieces: pieces)
            let opened = events.compactMap { event in
                if case .opened(let id, let headers) = event {
                    (id, headers)
                } else {
                    nil as (UInt32, [String: String])?
                }
            }
            #expect(opened.map(\.0) == [1, 3])
            #expect(opened.map { $0.1["streamtype"] } == ["error", "data"])
            #expect(opened.allSatisfy { $0.1["requestid"] == "0" && $0.1["port"] == "80" })
            var received: [UInt8] = []
            for case .data(3, let piece) in events { received += Array(piece.readableBytesView) }
            #expect(received == [1, 2, 3])
            #expect(events.last == .ended(3))
        }
    }

    @Test func repliesAreReadableByAnyInflater() throws {
        var connection = SPDYConnection(mostStreams: 4)
        var decoder = SPDYDecoder()
        decoder.append(connection.reply(1))
        decoder.append(connection.reply(3))
        #expect(try decoder.next() == .ignored)
        #expect(try decoder.next() == .ignored)
        #expect(try decoder.next() == nil)
    }

    @Test func pingsAreAnsweredAndAnswersAreNot() throws {
        #expect(
            try Self.events(Self.control(6, [0, 0, 0, 7]) + Self.control(6, [0, 0, 0, 2])) == [
                .answer(ByteBuffer(bytes: Self.control(6, [0, 0, 0, 7])))
            ])
    }

    @Test func unknownTypesAndSettingsArePassedOver() throws {
        let bytes =
            Self.control(4, [0, 0, 0, 0]) + Self.control(9, [0, 0, 0, 1, 0, 0, 1, 0]) + Self.control(77, [1])
            + Self.control(7, Self.word(0) + Self.word(0))
        #expect(try Self.events(bytes) == [.goAway])
    }

    @Test func moreStreamsThanAllowedAreRefusedAndOthersGoOn() throws {
        let packer = HeaderDeflater()
        var bytes: [UInt8] = []
        for id in [1, 3, 5] { bytes += Self.open(id, packer.pack([("a", "b")])) }
        let events = try Self.events(bytes + Self.data(5, [1]) + Self.data(3, [9]), mostStreams: 2)
        #expect(events.contains(.answer(ByteBuffer(bytes: Self.control(3, Self.word(5) + Self.word(3))))))
        #expect(events.last == .data(3, ByteBuffer(bytes: [9])))
        #expect(!events.contains(.data(5, ByteBuffer(bytes: [1]))))
    }

    @Test func aClosedStreamMakesRoomForAnother() throws {
        let packer = HeaderDeflater()
        var connection = SPDYConnection(mostStreams: 1)
        func all() throws -> [SPDYConnection.Event] {
            var events: [SPDYConnection.Event] = []
            while let event = try connection.next() { events.append(event) }
            return events
        }
        connection.append(ByteBuffer(bytes: Self.open(1, packer.pack([("a", "b")])) + Self.data(1, [], isLast: true)))
        #expect(try all().last == .ended(1))
        connection.serverHasEnded(1)
        connection.append(
            ByteBuffer(bytes: Self.open(3, packer.pack([("a", "b")])) + Self.control(3, Self.word(3) + Self.word(5))))
        #expect(try all() == [.opened(3, headers: ["a": "b"]), .reset(3)])
        // What was under way is passed over.
        connection.append(ByteBuffer(bytes: Self.data(3, [1, 2])))
        #expect(try all().isEmpty)
    }

    @Test(arguments: [
        ("even stream", open(2, [])), ("stream 0", open(0, [])), ("version 2", [0x80, 2, 0, 1, 0, 0, 0, 0]),
        ("data in a stream never opened", data(5, [1])), ("data in stream 0", data(0, [1])),
        ("cut off SYN_STREAM", control(1, [0, 0, 0, 1])), ("cut off reset", control(3, [0, 0])),
        ("cut off ping", control(6, [0])), ("no zlib", open(1, [1, 2, 3, 4])), ("empty block", open(1, [])),
        ("wrong dictionary", open(1, HeaderDeflater(dictionary: [1, 2, 3]).pack([("a", "b")]))),
        ("more headers than there are", open(1, HeaderDeflater().pack([0, 0, 0, 2, 0, 0, 0, 1, 97, 0, 0, 0, 0]))),
        ("no count", open(1, HeaderDeflater().pack([0, 0]))),
        ("a million headers", open(1, HeaderDeflater().pack([0, 15, 66, 64]))),
        ("a length beyond the block", open(1, HeaderDeflater().pack([0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 97]))),
        ("an empty name", open(1, HeaderDeflater().pack([("", "b")]))),
        ("a name twice", open(1, HeaderDeflater().pack([("a", "b"), ("A", "c")]))),
        ("bytes after the headers", open(1, HeaderDeflater().pack(block([("a", "b")]) + [0]))),
    ])
    func endsTheConnectionOfAClientThatBreaksTheRules(_ what: String, _ bytes: [UInt8]) {
        #expect(throws: StreamError.self) { try Self.events(bytes) }
    }

    @Test func streamsAreNotOpenedTwiceOrBackwards() {
        let packer = HeaderDeflater()
        let bytes = Self.open(5, packer.pack([("a", "b")]))
        #expect(throws: StreamError.self) { try Self.events(bytes + Self.open(5, packer.pack([("a", "b")]))) }
        let again = HeaderDeflater()
        let other = Self.open(5, again.pack([("a", "b")]))
        #expect(throws: StreamError.self) { try Self.events(other + Self.open(3, again.pack([("a", "b")]))) }
    }

    @Test func headersThatGrowAreRefusedAtTheirLimit() {
        // 64 MiB of zeros would be 64 KiB packed; a control frame may have 16.
        let bomb = HeaderDeflater().pack(
            [0, 0, 0, 1, 0, 0, 0, 1, 97, 0, 0xFF, 0xFF, 0xFF] + Array(repeating: 0, count: 4 << 20))
        #expect(bomb.count < SPDYDecoder.largestControl)
        let error = #expect(throws: StreamError.self) { try Self.events(Self.open(1, bomb)) }
        #expect(error?.code == .tooLarge)
    }

    @Test func largeControlFramesAreRefusedByTheirHeader() {
        let error = #expect(throws: StreamError.self) { try Self.events([0x80, 3, 0, 1, 0, 0, 0x40, 1]) }
        #expect(error?.code == .tooLarge)
    }

    @Test func dataIsNotCollected() throws {
        let packer = HeaderDeflater()
        var connection = SPDYConnection(mostStreams: 1)
        // A frame of 16 MiB comes through piece by piece.
        connection.append(
            ByteBuffer(bytes: Self.open(1, packer.pack([("a", "b")])) + Self.word(1) + [1, 0xFF, 0xFF, 0xFF]))
        _ = try connection.next()
        var left = 0xFF_FFFF
        while left > 0 {
            let count = min(left, 65_536)
            connection.append(ByteBuffer(repeating: 7, count: count))
            left -= count
            guard case .data(1, let piece) = try connection.next() else {
                Issue.record("no data")
                return
            }
            #expect(piece.readableBytes == count)
        }
        #expect(try connection.next() == .ended(1))
    }
}
