internal import JSON
internal import OCI

/// Writes the tar of an OCI image layout with Docker's `manifest.json` and `repositories` beside it.
struct LayoutArchive {
    private let sink: ByteSink
    private let thread = ArchiveThread()
    private var written: Set<Digest> = []
    private var index: [Descriptor] = []
    private var images: [JSONValue] = []
    private var repositories: [String: JSONValue] = [:]

    init(sink: @escaping ByteSink) { self.sink = sink }

    func begin() async throws {
        for directory in ["blobs/", "blobs/sha256/"] {
            try await sink(TarHeader(path: Array(directory.utf8), kind: .directory, mode: 0o755).serialized())
        }
    }

    mutating func add(blob: Digest, file: String) async throws {
        guard written.insert(blob).inserted else { return }
        let size = try await thread.open(file)
        try await sink(TarHeader(path: Self.path(blob), kind: .file, size: size).serialized())
        var rest = size
        while rest > 0 {
            let bytes = try await thread.read(Int(min(rest, 256 << 10)))
            guard !bytes.isEmpty else { throw ImageError(.unreadableFile, "blob \(blob) ends too early") }
            rest -= Int64(bytes.count)
            try await sink(bytes)
        }
        try await sink(TarHeader.padding(after: size))
    }

    mutating func add(
        image: SavePlan.Entry, manifest: ImageManifest, _ manifestBytes: [UInt8], config: [UInt8]
    ) async throws {
        let digest = ContentHasher.digest(of: manifestBytes)
        try await add(blob: image.id, config)
        try await add(blob: digest, manifestBytes)
        let entry = Descriptor(
            mediaType: manifest.mediaType ?? MediaType.ociManifest, digest: digest, size: Int64(manifestBytes.count))
        index += image.names.isEmpty ? [entry] : image.names.map { Self.named(entry, $0) }
        let layers = manifest.layers.map { JSONValue.string(String(decoding: Self.path($0.digest), as: UTF8.self)) }
        images.append([
            "Config": .string(String(decoding: Self.path(image.id), as: UTF8.self)),
            "RepoTags": image.names.isEmpty ? .null : .array(image.names.map { .string($0.familiar) }),
            "Layers": .array(layers),
        ])
        for name in image.names {
            repositories[name.familiarName, default: [:]][name.locator] = .string(image.id.hex)
        }
    }

    func end() async throws {
        let index = ImageIndex(manifests: index)
        for (name, document) in [
            ("index.json", try JSONValue(encoding: index)), ("manifest.json", .array(images)),
            ("oci-layout", ["imageLayoutVersion": "1.0.0"]), ("repositories", .object(repositories)),
        ] {
            try await add(Array(name.utf8), document.serialized())
        }
        try await sink(TarHeader.end)
    }

    private mutating func add(blob: Digest, _ bytes: [UInt8]) async throws {
        guard written.insert(blob).inserted else { return }
        try await add(Self.path(blob), bytes)
    }

    private func add(_ path: [UInt8], _ bytes: [UInt8]) async throws {
        let size = Int64(bytes.count)
        try await sink(
            TarHeader(path: path, kind: .file, size: size).serialized() + bytes + TarHeader.padding(after: size))
    }

    private static func path(_ blob: Digest) -> [UInt8] { Array("blobs/sha256/\(blob.hex)".utf8) }

    /// As containerd and Docker write names: the whole one, and the tag for tools that know only that.
    private static func named(_ entry: Descriptor, _ name: ImageReference) -> Descriptor {
        var entry = entry
        entry.annotations = [
            "io.containerd.image.name": name.description, "org.opencontainers.image.ref.name": name.locator,
        ]
        return entry
    }
}
