import CArchive
import JSON
import Linux
import OCI
import Testing

@testable import Images

/// What a layer's own description may say, and what it may not.
struct ChunkedContentsTests {
    static let digest = "sha256:" + String(repeating: "a", count: 64)

    static func file(
        _ offset: Int, _ end: Int, size: Int = 10, name: String = "a", _ more: [String: JSONValue] = [:]
    ) -> JSONValue {
        .object(
            [
                "type": "reg", "name": .string(name), "size": .integer(Int64(size)), "digest": .string(digest),
                "offset": .integer(Int64(offset)), "endOffset": .integer(Int64(end)),
            ].merging(more) { $1 })
    }

    static func chunk(_ offset: Int, at position: Int, size: Int, name: String = "a") -> JSONValue {
        [
            "type": "chunk", "name": .string(name), "offset": .integer(Int64(offset)),
            "chunkOffset": .integer(Int64(position)), "chunkSize": .integer(Int64(size)),
            "chunkDigest": .string(digest),
        ]
    }

    static func document(_ entries: [JSONValue]) -> [UInt8] {
        JSONValue.object(["version": 1, "entries": .array(entries)]).serialized()
    }

    /// - Parameter step: Bytes of one block.
    static func parse(_ bytes: [UInt8], step: Int = 7) throws(ImageError) -> ChunkedContents {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: bytes)
        var position = 0
        return try ChunkedContents(in: 0..<1000, plainSize: Int64(bytes.count)) { () throws(ImageError) in
            guard position < bytes.count else { return nil }
            let end = min(position + step, bytes.count)
            defer { position = end }
            return UnsafeRawBufferPointer(rebasing: buffer[position..<end])
        }
    }

    static let chunked: [JSONValue] = [
        file(100, 300, size: 30, ["chunkSize": 10, "chunkDigest": .string(digest)]), chunk(150, at: 10, size: 15),
        chunk(200, at: 25, size: 5), file(320, 330, name: #"b "}{][,\ "#),
    ]

    @Test(arguments: [1, 2, 3, 64, 10_000]) func readsFilesAndChunksInBlocksOfAnySize(_ step: Int) throws {
        let contents = try Self.parse(Self.document(Self.chunked), step: step)
        #expect(contents.entries.map(\.name) == ["a", #"b "}{][,\ "#])
        let payload = try #require(contents.entries[0].payload)
        #expect(payload.chunks.map(\.frames) == [100..<150, 150..<200, 200..<300])
        #expect(payload.chunks.map(\.offset) == [0, 10, 25] && payload.chunks.map(\.size) == [10, 15, 5])
        #expect(contents.entries[1].payload?.frames == 320..<330)
    }

    @Test(arguments: [
        // Frames that go back, overlap, are empty, or reach into what is no tar.
        [file(100, 200), file(150, 250, name: "b")], [file(200, 200)], [file(200, 100)], [file(900, 1001)],
        [file(-1, 100)], [file(100, Int.max)],
        // Chunks of nothing, of another file, that overlap or do not reach the end.
        [chunk(100, at: 0, size: 1)],
        [
            file(100, 300, size: 20, ["chunkSize": 10, "chunkDigest": .string(digest)]),
            chunk(150, at: 10, size: 10, name: "b"),
        ],
        [file(100, 300, size: 20, ["chunkSize": 10, "chunkDigest": .string(digest)]), chunk(150, at: 9, size: 11)],
        [file(100, 300, size: 20, ["chunkSize": 10, "chunkDigest": .string(digest)]), chunk(150, at: 10, size: 9)],
        [file(100, 300, size: 20, ["chunkSize": 10, "chunkDigest": .string(digest)]), chunk(300, at: 10, size: 10)],
        [
            file(100, 300, size: 20, ["chunkSize": 10, "chunkDigest": .string(digest)]),
            chunk(150, at: 10, size: Int.max),
        ],
        [file(100, 300, size: 20, ["chunkSize": 30, "chunkDigest": .string(digest)])],
        // Values that are none.
        [file(100, 200, size: -1)], [file(100, 200, ["digest": "md5:0"])], [file(100, 200, ["type": "socket"])],
        [file(100, 200, name: "")], [file(100, 200, ["uid": -2])], [file(100, 200, ["mode": "0755"])],
        [file(100, 200, name: String(repeating: "x", count: 5000))], [.array([1])], [1], ["a"],
    ]) func refuses(_ entries: [JSONValue]) {
        let error = #expect(throws: ImageError.self) { try Self.parse(Self.document(entries)) }
        #expect(error?.code == .invalidLayer)
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"version\":2,\"entries\":[]}", "{\"version\":1}", "{\"version\":1,\"entries\":{}}",
        "{\"version\":1,\"entries\":[]}}", "{\"version\":1,\"entries\":[", "]", "{\"version\":1,\"entries\":[{]}",
        "{\"version\":1,\"entries\":[[[[[[[[[[]]]]]]]]]]}", "{\"a\":{\"b\":{}},\"version\":1,\"entries\":[]}",
        "{\"version\":1,\"entries\":[{\"type\":\"dir\",\"type\":\"reg\"}]}",
    ]) func refusesTheDocument(_ text: String) {
        let error = #expect(throws: ImageError.self) { try Self.parse(Array(text.utf8)) }
        #expect(error?.code == .invalidLayer)
    }

    @Test func anEntryWithoutEndIsBounded() {
        let text = "{\"version\":1,\"entries\":[{\"name\":\"" + String(repeating: "x", count: 300 << 10)
        let error = #expect(throws: ImageError.self) { try Self.parse(Array(text.utf8), step: 4096) }
        #expect(error?.code == .limitExceeded)
    }

    @Test func aTableThatGrowsBeyondWhatWasSaidIsRefused() {
        let bytes = Self.document(Self.chunked)
        var isDone = false
        let error = #expect(throws: ImageError.self) {
            try bytes.withUnsafeBytes { buffer throws(ImageError) in
                try ChunkedContents(in: 0..<1000, plainSize: Int64(bytes.count) - 1) { () throws(ImageError) in
                    defer { isDone = true }
                    return isDone ? nil : buffer
                }
            }
        }
        #expect(error?.code == .invalidLayer)
    }

    /// What a damaged table still says must be true of some blob: content in order, chunks that are all of their files.
    @Test func noDamageMakesATableThatCannotBe() {
        let whole = Self.document(Self.chunked)
        var state: UInt64 = 88_172_645_463_325_252
        func random(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        var readable = 0
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0...random(3) {
                let place = random(bytes.count)
                switch random(3) {
                case 0: bytes[place] = UInt8(0x30 + random(10))
                case 1: bytes[place] = UInt8(random(256))
                default: bytes.removeSubrange(place..<min(place + 1 + random(40), bytes.count))
                }
            }
            guard let contents = try? Self.parse(bytes, step: 1 + random(100)) else { continue }
            readable += 1
            var position: Int64 = 0
            for entry in contents.entries {
                guard let payload = entry.payload else { continue }
                var (size, frames) = (Int64(0), payload.frames.lowerBound)
                #expect(frames >= position)
                for chunk in payload.chunks {
                    #expect(chunk.offset == size && chunk.frames.lowerBound == frames && chunk.size > 0)
                    (size, frames) = (size + chunk.size, chunk.frames.upperBound)
                }
                #expect(size == entry.size && frames == payload.frames.upperBound && frames <= 1000)
                position = frames
            }
        }
        #expect(readable > 50, "hardly any damage was readable: this tests nothing")
    }

    // MARK: Descriptors

    static func descriptor(
        _ position: String, checksum: String = digest, prefix: String = "io.github.containers.zstd-chunked."
    ) -> Descriptor {
        Descriptor(
            mediaType: MediaType.ociLayerZstd, digest: ContentHasher.digest(of: []), size: 1000,
            annotations: [prefix + "manifest-position": position, prefix + "manifest-checksum": checksum])
    }

    @Test(arguments: ["io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."])
    func readsBothPrefixes(_ prefix: String) throws {
        let layer = try #require(ChunkedLayer(Self.descriptor("800:100:5000:1", prefix: prefix)))
        #expect(layer.contents.range == 800..<900 && layer.contents.plainSize == 5000 && layer.data == 0..<792)
    }

    @Test(arguments: [
        "", "800:100:5000", "800:100:5000:2", "800:100:5000:1:0", "800:201:5000:1", "1000:1:1:1", "-1:5:5:1", "8:5:5:1",
        "800:0:5:1", "800:5:0:1", "800:9223372036854775807:5:1", "9223372036854775807:1:5:1", "800:5:9000000000:1",
        "a:b:c:d", "800:100::1", "99999999999999999999:1:1:1",
    ]) func otherPositionsMeanTheWhole(_ position: String) {
        #expect(ChunkedLayer(Self.descriptor(position)) == nil)
    }

    @Test func whatIsNotZstdIsNotChunked() {
        var descriptor = Self.descriptor("800:100:5000:1")
        descriptor.mediaType = MediaType.ociLayerGzip
        #expect(ChunkedLayer(descriptor) == nil)
        #expect(ChunkedLayer(Self.descriptor("800:100:5000:1", checksum: "sha256:1")) == nil)
    }

    // MARK: Ranges

    @Test func rangesNearEachOtherAreOneRequest() {
        let far = BlobRanges.requestCost
        let ranges = BlobRanges(covering: [0..<10, 10..<20, 50..<60, 60 + far..<70 + far, 71 + 2 * far..<72 + 2 * far])
        #expect(ranges.ranges == [0..<(70 + far), (71 + 2 * far)..<(72 + 2 * far)])
        #expect(ranges.size == 71 + far && ranges.cost == 71 + 3 * far)
        #expect(ranges.rest(after: 0) == 0..<(70 + far))
        #expect(ranges.rest(after: 69 + far) == (69 + far)..<(70 + far))
        #expect(ranges.rest(after: 70 + far) == (71 + 2 * far)..<(72 + 2 * far))
        #expect(ranges.position(of: 50..<60) == 50..<60)
        #expect(ranges.position(of: 71 + 2 * far..<72 + 2 * far) == (70 + far)..<(71 + far))
        #expect(
            ranges.identifier(of: ContentHasher.digest(of: [])) != ranges.identifier(of: ContentHasher.digest(of: [1])))
    }

    // MARK: Headers

    static func entry(_ file: ChunkedImage.File) throws -> ChunkedContents.Entry {
        let contents = try ChunkedImage([file]).contents
        let bytes = contents.serialized()
        var isDone = false
        return try bytes.withUnsafeBytes { buffer in
            try ChunkedContents(in: 0..<Int64.max, plainSize: Int64(bytes.count)) { () throws(ImageError) in
                defer { isDone = true }
                return isDone ? nil : buffer
            }
        }.entries[0]
    }

    static func header(_ file: ChunkedImage.File) throws -> KnownHeader {
        let tar = try ChunkedImage([file]).tar
        return try #require(KnownHeader.all(in: tar[...]).first)
    }

    @Test func aHeaderTakesOtherNumbers() throws {
        let old = ChunkedImage.File(
            name: "dir/file", content: [1, 2, 3], mode: 0o644, user: 5, modified: 1_600_000_000)
        let new = ChunkedImage.File(
            name: "dir/file", content: Array(repeating: 7, count: 70_000), mode: 0o4755, user: 99_999,
            modified: 1_777_777_777)
        let (known, next) = try (Self.header(old), Self.header(new))
        let (same, other) = try (Self.entry(old), Self.entry(new))
        #expect(known.header(of: other, known: nil) == next.blocks)
        #expect(known.header(of: same, known: nil) == known.blocks)
    }

    @Test func aHeaderOfAnotherEntryIsNoHelp() throws {
        let file = ChunkedImage.File(name: "dir/file", content: [1])
        var others = [file, file, file, file, file]
        others[0].name = "dir/fil"
        others[1] = ChunkedImage.File(name: "dir/file", kind: .directory)
        others[2].attributes = ["user.a": [1]]
        others[3] = ChunkedImage.File(name: "dir/file", kind: .symbolicLink, link: "x")
        others[4].user = 1 << 21  // more than seven octal digits
        for other in others {
            let (header, entry) = try (Self.header(file), Self.entry(other))
            #expect(header.header(of: entry, known: nil) == nil, "\(other)")
        }
    }

    @Test func longNamesAreTakenAsTheyAre() throws {
        let name = String(repeating: "long/", count: 40) + "name"
        let file = ChunkedImage.File(name: name, content: [1], attributes: ["user.a": [1, 2]])
        let header = try Self.header(file)
        #expect(header.blocks.count > 1024)
        var known = LayerEntry(.file, bytes: Array(name.utf8))
        known.attributes = [.init(name: "user.a", value: [1, 2])]
        let same = try Self.entry(file)
        #expect(header.header(of: same, known: known) == header.blocks)
        var newer = file
        newer.modified += 1
        let later = try Self.entry(newer)
        #expect(header.header(of: later, known: known) == nil)
        known.attributes = []
        #expect(header.header(of: same, known: known) == nil)
    }

    @Test func rawBytesAreCutIntoHeaders() throws {
        let files = [
            ChunkedImage.File(name: "a/", kind: .directory),
            ChunkedImage.File(name: String(repeating: "b", count: 150)),
            ChunkedImage.File(name: "c"),
        ]
        let headers = KnownHeader.all(in: try ChunkedImage(files).tar[...])
        #expect(headers.map(\.isPlain) == [true, false, true])
        #expect(headers.first?.plainName == "a/" && headers.last?.plainName == "c")
        #expect(KnownHeader.all(in: [UInt8](repeating: 0xff, count: 511)[...]).isEmpty)
        // A long name that is longer than what there is.
        var cut = try Self.header(files[1]).blocks
        cut.replaceSubrange(124..<135, with: Array("77777777777".utf8))
        #expect(KnownHeader.all(in: cut[...]).isEmpty)
    }

    // MARK: tar-split

    @Test func tarSplitIsReadLineByLine() throws {
        let text =
            #"{"type":2,"payload":"AAEC","position":0}"# + "\n"
            + #"{"type":1,"name":"a","size":3,"payload":"","position":1}"#
            + "\n" + #"{"type":1,"name":"empty","position":2}"# + "\n" + #"{"type":2,"payload":"AwQ="}"#
        #expect(try Self.items(text) == [.raw([0, 1, 2]), .content(3), .raw([3, 4])])
    }

    @Test(arguments: [
        "{", "[]", #"{"type":3}"#, #"{"type":2}"#, #"{"type":2,"payload":"?"}"#, #"{"type":1,"size":-1}"#,
        #"{"type":"1"}"#,
    ]) func tarSplitOfOtherKindsIsRefused(_ text: String) {
        #expect(throws: ImageError.self) { try Self.items(text) }
    }

    static func items(_ text: String) throws -> [TarSplitReader.Item] {
        var items: [TarSplitReader.Item] = []
        var reader = TarSplitReader()
        var isDone = false
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBytes { buffer in
            try reader.read(
                plainSize: Int64(bytes.count),
                next: { () throws(ImageError) in
                    defer { isDone = true }
                    return isDone ? nil : buffer
                }
            ) { items.append($0) }
        }
        return items
    }
}
