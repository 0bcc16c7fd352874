internal import Crypto
public import FleetProtocol
public import Images
internal import Linux
internal import OCI

/// A member of a bundle that is being made, and where its bytes are.
public struct BundlePart: Sendable {
    public enum Source: Sendable {
        case bytes([UInt8])
        case slice(FileSlice)
        /// At least one and at most so many bytes at an offset.
        case remote(@Sendable (_ offset: Int64, _ atMost: Int) async throws -> [UInt8])
    }

    let file: BundleManifest.File
    let source: Source
}

/// Writes a bundle piece by piece, as fast as it is wanted and no faster.
public struct BundleWriter: Sendable {
    let manifest: BundleManifest
    let parts: [BundlePart]
    private let thread = BundleThread()

    init(manifest: BundleManifest, parts: [BundlePart]) {
        self.manifest = manifest
        self.parts = parts
    }

    /// Signs the manifest and writes everything.
    ///
    /// - Throws: ``BundleError`` with code `damaged` when a blob is not what its digest says: the rest must be thrown away
    ///   then, since what was written is no bundle.
    public func write(signedBy signer: HeadSigner, to sink: ByteSink) async throws {
        let payload = try manifest.serialized()
        let envelope = try signer.sign(payloadType: BundleManifest.payloadType, payload).serialized()
        guard envelope.count <= FleetLimits.bundleManifest else {
            throw BundleError(.oversized, "the bundle has too many layers and images for one; make several")
        }
        try await sink(Self.member(BundleManifest.path, envelope))
        for part in parts {
            try await sink(TarHeader(file: part.file.path, size: part.file.size).serialized())
            try await write(part, to: sink)
            try await sink(TarHeader.padding(after: part.file.size))
        }
        try await sink(TarHeader.end)
    }

    private func write(_ part: BundlePart, to sink: ByteSink) async throws {
        var sum = SHA256()
        var offset: Int64 = 0
        while offset < part.file.size {
            let bytes = try await next(of: part, at: offset)
            guard !bytes.isEmpty else { break }
            sum.update(data: bytes)
            offset += Int64(bytes.count)
            try await sink(bytes)
        }
        guard offset == part.file.size, OCI.Digest(bytes: Array(sum.finalize())) == part.file.digest else {
            throw BundleError(
                .damaged, "\(part.file.path) is not what its name says where it was taken from; make that image again")
        }
    }

    private func next(of part: BundlePart, at offset: Int64) async throws -> [UInt8] {
        let count = Int(min(part.file.size - offset, 256 << 10))
        switch part.source {
        case .bytes(let bytes): return Array(bytes.dropFirst(Int(offset)).prefix(count))
        case .slice(let slice): return try await thread.read(slice, at: offset, count)
        case .remote(let read): return try await read(offset, count)
        }
    }

    private static func member(_ path: String, _ bytes: [UInt8]) -> [UInt8] {
        let size = Int64(bytes.count)
        return TarHeader(file: path, size: size).serialized() + bytes + TarHeader.padding(after: size)
    }
}

/// Blocking reads of bundles, on a thread of their own.
actor BundleThread {
    private let executor = ThreadExecutor(name: "wherry-bundle")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func open(_ path: String, trust: BundleTrust) throws(BundleError) -> BundleReader {
        try BundleReader(path: path, trust: trust)
    }

    func check(_ reader: BundleReader, progress: @Sendable (Int64, Int64) -> Void) throws -> BundleContent {
        try reader.check(progress: progress)
    }

    func read(_ slice: FileSlice, at offset: Int64, _ count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try bytes.withUnsafeMutableBytes { try slice.read(at: offset, into: $0) }
        bytes.removeLast(count - got)
        return bytes
    }
}
