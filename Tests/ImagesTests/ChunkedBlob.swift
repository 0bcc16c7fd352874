import JSON
import Linux
import OCI

@testable import Images

/// An image of one zstd:chunked layer, packed in memory as containers/storage packs it.
struct ChunkedImage: Sendable {
    struct File: Sendable {
        var name: String
        var kind: TarBuilder.Kind = .file
        var content: [UInt8] = []
        var link = ""
        var mode = 0o644
        var user = 0
        var modified = 1_700_000_000
        var attributes: [String: [UInt8]] = [:]
        /// Sizes of its chunks; none for a file in one piece.
        var chunks: [Int] = []
    }

    let tar: [UInt8]
    private(set) var blob: [UInt8]
    private(set) var annotations: [String: String] = [:]
    private(set) var config: [UInt8] = []
    private(set) var manifest: [UInt8] = []
    private(set) var contents: JSONValue

    var diffID: Digest { ContentHasher.digest(of: tar) }
    var blobDigest: Digest { ContentHasher.digest(of: blob) }

    private static let prefix = "io.github.containers.zstd-chunked."

    /// - Parameters:
    ///   - hasTarSplit: Adds the raw headers, as newer writers do.
    ///   - edit: Changes the table of contents before it is packed.
    ///   - tar: The layer's tar in place of the one that the files make, for a config that lies.
    init(
        _ files: [File], hasTarSplit: Bool = false, diffID: Digest? = nil,
        editing edit: (inout JSONValue) -> Void = { _ in }
    ) throws {
        var packer = Packer()
        for file in files { packer.add(file) }
        packer.finish()
        tar = packer.tar
        blob = packer.blob
        let split = hasTarSplit ? Compression.zstd.compress(packer.split) : []
        contents = ["version": 1, "entries": .array(packer.entries)]
        if hasTarSplit { contents["tarSplitDigest"] = .string("\(ContentHasher.digest(of: split))") }
        edit(&contents)
        let plain = contents.serialized()
        let packed = Compression.zstd.compress(plain)
        annotations[Self.prefix + "manifest-position"] = "\(blob.count + 8):\(packed.count):\(plain.count):1"
        annotations[Self.prefix + "manifest-checksum"] = "\(ContentHasher.digest(of: packed))"
        blob += Self.frame(packed)
        if hasTarSplit {
            annotations[Self.prefix + "tarsplit-position"] = "\(blob.count + 8):\(split.count):\(packer.split.count)"
            blob += Self.frame(split)
        }
        try describe(annotations, diffID: diffID ?? self.diffID)
    }

    /// Makes config and manifest.
    mutating func describe(_ annotations: [String: String], diffID: Digest) throws {
        self.annotations = annotations
        config = try JSONValue(encoding: ImageConfig(platform: .current, diffIDs: [diffID])).serialized()
        manifest = try JSONValue(
            encoding: ImageManifest(
                config: Descriptor(
                    mediaType: MediaType.ociConfig, digest: ContentHasher.digest(of: config), size: Int64(config.count)),
                layers: [layer])
        ).serialized()
    }

    var layer: Descriptor {
        Descriptor(
            mediaType: MediaType.ociLayerZstd, digest: blobDigest, size: Int64(blob.count), annotations: annotations)
    }

    /// What a good server answers, with ranges; nil for anything else.
    func answer(_ asked: FakeRegistry.Asked, tag: String) -> FakeRegistry.Answer? {
        if asked.uri.hasSuffix("/manifests/\(tag)") { return .body(manifest, type: MediaType.ociManifest) }
        if asked.uri.hasSuffix("\(ContentHasher.digest(of: config))") { return .body(config) }
        guard asked.uri.hasSuffix("\(blobDigest)") else { return nil }
        return .part(blob, asked.range)
    }

    /// A frame that decoders skip (RFC 8878, 3.1.2).
    private static func frame(_ bytes: [UInt8]) -> [UInt8] {
        let length = UInt32(bytes.count)
        return [0x50, 0x2a, 0x4d, 0x18] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + bytes
    }
}

/// Puts a tar together with its frames, its table of contents and its tar-split record.
private struct Packer {
    private(set) var tar: [UInt8] = []
    private(set) var blob: [UInt8] = []
    private(set) var entries: [JSONValue] = []
    private(set) var split: [UInt8] = []
    /// What is not in a frame yet: headers and padding.
    private var raw: [UInt8] = []

    mutating func add(_ file: ChunkedImage.File) {
        var builder = TarBuilder()
        builder.add(
            file.name, file.kind, content: file.content, link: file.link, mode: file.mode, user: file.user,
            modified: file.modified, attributes: file.attributes)
        let padding = (512 - file.content.count % 512) % 512
        let header = Array(builder.bytes.dropLast(file.content.count + padding))
        tar += builder.bytes
        raw += header
        var entry: JSONValue = [
            "type": .string(Self.type(file.kind)), "name": .string(file.name), "mode": .integer(Int64(file.mode)),
            "size": .integer(Int64(file.content.count)), "uid": .integer(Int64(file.user)),
            "modtime": .string(RFC3339.format(seconds: Int64(file.modified))),
        ]
        if !file.link.isEmpty { entry["linkName"] = .string(file.link) }
        if !file.attributes.isEmpty {
            entry["xattrs"] = .object(file.attributes.mapValues { .string(Base64.encode($0)) })
        }
        guard !file.content.isEmpty else {
            entries.append(entry)
            record(file: file.name, 0)
            return
        }
        flush()
        addContent(of: file, &entry)
        raw = [UInt8](repeating: 0, count: padding)
        record(file: file.name, file.content.count)
    }

    private mutating func addContent(of file: ChunkedImage.File, _ entry: inout JSONValue) {
        entry["offset"] = .integer(Int64(blob.count))
        entry["digest"] = .string("\(ContentHasher.digest(of: file.content))")
        var chunks: [JSONValue] = []
        var start = 0
        for size in file.chunks.isEmpty ? [file.content.count] : file.chunks {
            let piece = Array(file.content[start..<(start + size)])
            var chunk: JSONValue = [
                "type": "chunk", "name": .string(file.name), "offset": .integer(Int64(blob.count)),
                "chunkOffset": .integer(Int64(start)), "chunkSize": .integer(Int64(size)),
                "chunkDigest": .string("\(ContentHasher.digest(of: piece))"),
            ]
            if piece.allSatisfy({ $0 == 0 }) { chunk["chunkType"] = "zeros" }
            chunks.append(chunk)
            blob += Compression.zstd.compress(piece)
            start += size
        }
        entry["endOffset"] = .integer(Int64(blob.count))
        if chunks.count > 1 {
            for key in ["chunkSize", "chunkDigest", "chunkType"] { entry[key] = chunks[0][key] }
        }
        entries.append(entry)
        entries += chunks.dropFirst()
    }

    mutating func finish() {
        raw += [UInt8](repeating: 0, count: 1024)
        tar += [UInt8](repeating: 0, count: 1024)
        flush()
    }

    private mutating func flush() {
        blob += Compression.zstd.compress(raw)
        let line: JSONValue = ["type": 2, "payload": .string(Base64.encode(raw)), "position": 0]
        split += line.serialized() + [UInt8(ascii: "\n")]
        raw = []
    }

    private mutating func record(file name: String, _ size: Int) {
        var line: JSONValue = ["type": 1, "name": .string(name), "position": 0]
        if size > 0 { line["size"] = .integer(Int64(size)) }
        split += line.serialized() + [UInt8(ascii: "\n")]
    }

    private static func type(_ kind: TarBuilder.Kind) -> String {
        switch kind {
        case .file: "reg"
        case .hardLink: "hardlink"
        case .symbolicLink: "symlink"
        case .characterDevice: "char"
        case .blockDevice: "block"
        case .directory: "dir"
        case .fifo: "fifo"
        }
    }
}
