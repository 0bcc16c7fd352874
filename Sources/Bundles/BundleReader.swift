internal import Crypto
internal import FleetProtocol
public import Images
public import OCI

/// A bundle's file. Opening it verifies who signed it; ``check()`` compares every byte of it with what was signed.
///
/// No archive is parsed here: the signed manifest tells what every byte must be, tar headers and padding included.
public struct BundleReader: Sendable {
    public let file: OpenedFile
    public let manifest: BundleManifest
    /// Of the signed payload; it stands for the whole bundle.
    public let digest: OCI.Digest
    /// Ids of the trusted keys that signed it.
    public let signers: Set<String>
    public let isSignedByHub: Bool
    /// Where the members begin, and the byte after the last.
    private let offsets: [String: Int64]
    private let size: Int64
    private let envelopeSize: Int64

    /// Reads the envelope and believes it when a trusted key signed it. Nothing after it is looked at.
    ///
    /// - Throws: ``BundleError`` with code `unreadable`, `notABundle`, `truncated`, `oversized`, `unknownKey`, `signature`,
    ///   `damaged` or `malformed`.
    public init(path: String, trust: BundleTrust) throws(BundleError) {
        do {
            try self.init(file: try OpenedFile(path: path), trust: trust)
        } catch {
            throw BundleError(wrapping: error).during("bundle \(path)")
        }
    }

    /// What a file says of itself, whoever signed it; nil when it is no bundle. Good for nothing but to leave out what it has.
    public static func unverifiedManifest(of path: String) throws(BundleError) -> BundleManifest? {
        do {
            var cursor = BundleCursor(file: try OpenedFile(path: path))
            return try BundleManifest(payload: try parsedEnvelope(&cursor).envelope.payload)
        } catch let error as BundleError where error.code == .notABundle {
            return nil
        } catch {
            throw BundleError(wrapping: error).during("bundle \(path)")
        }
    }

    private static func parsedEnvelope(_ cursor: inout BundleCursor) throws -> (
        envelope: SignedEnvelope, bytes: [UInt8]
    ) {
        let bytes = try Self.envelope(&cursor)
        let envelope = try SignedEnvelope(parsing: bytes, cap: FleetLimits.bundleManifest)
        guard envelope.payloadType == BundleManifest.payloadType else {
            throw BundleError(.notABundle, "its payload has type \"\(envelope.payloadType.prefix(100))\"")
        }
        return (envelope, bytes)
    }

    private init(file: OpenedFile, trust: BundleTrust) throws {
        var cursor = BundleCursor(file: file)
        let (envelope, bytes) = try Self.parsedEnvelope(&cursor)
        let (signers, isHub) = try trust.verify(envelope)
        guard envelope.serialized() == bytes else {
            throw BundleError(.damaged, "its signed part is not written as it was signed; copy it again")
        }
        let manifest = try BundleManifest(payload: envelope.payload)
        guard manifest.isFromHub == isHub else {
            throw BundleError(
                .signature,
                isHub
                    ? "the hub signed it, but it holds no head of the hub"
                    : "it claims to come from the hub, which did not sign it")
        }
        self.file = file
        self.manifest = manifest
        self.signers = signers
        isSignedByHub = isHub
        digest = Self.digest(of: envelope.payload)
        envelopeSize = cursor.offset
        var offset = cursor.offset
        var offsets: [String: Int64] = [:]
        for member in manifest.files {
            offset += Int64(TarHeader(file: member.path, size: member.size).serialized().count)
            offsets[member.path] = offset
            offset += member.size + Int64(TarHeader.padding(after: member.size).count)
        }
        self.offsets = offsets
        size = offset + Int64(TarHeader.end.count)
    }

    /// The first member, whose header says how long it is.
    private static func envelope(_ cursor: inout BundleCursor) throws -> [UInt8] {
        let foreign = BundleError(.notABundle, "it does not begin as a bundle does; is it the right file?")
        guard cursor.file.size >= 512 else { throw foreign }
        let header = try cursor.read(512)
        let digits = header[124..<135]
        guard digits.allSatisfy({ (48...55).contains($0) }),
            let count = Int64(String(decoding: digits, as: UTF8.self), radix: 8),
            header == TarHeader(file: BundleManifest.path, size: count).serialized()
        else { throw foreign }
        guard count <= Int64(FleetLimits.bundleManifest) else {
            throw BundleError(
                Code.oversized, "its signed part has \(count) bytes, more than \(FleetLimits.bundleManifest)")
        }
        let bytes = try cursor.read(Int(count))
        try cursor.expect(TarHeader.padding(after: count), "after \(BundleManifest.path)")
        return bytes
    }

    private typealias Code = BundleError.Code

    /// Reads the whole file and compares it with the manifest.
    ///
    /// - Parameter progress: Called now and then with the bytes read and the bytes of all.
    /// - Returns: The members that are documents, by path.
    /// - Throws: ``BundleError`` with code `truncated`, `damaged` or `unreadable`, naming the member; `CancellationError`.
    public func check(progress: (Int64, Int64) -> Void = { _, _ in }) throws -> BundleContent {
        do { return try checked(progress) } catch let error as CancellationError { throw error } catch {
            throw BundleError(wrapping: error).during("bundle \(file.path)")
        }
    }

    private func checked(_ progress: (Int64, Int64) -> Void) throws -> BundleContent {
        guard file.size >= size else {
            throw BundleError(.truncated, "it has \(file.size) of \(size) bytes; copy it again")
        }
        guard file.size == size else {
            throw BundleError(.damaged, "\(file.size - size) bytes follow its end; copy it again")
        }
        var cursor = BundleCursor(file: file, offset: envelopeSize)
        var documents: [String: [UInt8]] = [:]
        let wanted = manifest.documentPaths
        for member in manifest.files {
            try cursor.expect(
                TarHeader(file: member.path, size: member.size).serialized(), "the header of \(member.path)")
            if wanted.contains(member.path) {
                let bytes = try cursor.read(Int(member.size))
                try Self.compare(Self.digest(of: bytes), with: member)
                documents[member.path] = bytes
            } else {
                try Self.compare(try cursor.digest(of: member.size) { progress($0, size) }, with: member)
            }
            try cursor.expect(TarHeader.padding(after: member.size), "after \(member.path)")
        }
        try cursor.expect(TarHeader.end, "at its end")
        progress(size, size)
        return BundleContent(manifest: manifest, documents: documents)
    }

    private static func compare(_ digest: OCI.Digest, with member: BundleManifest.File) throws(BundleError) {
        guard digest == member.digest else {
            throw BundleError(
                .damaged, "\(member.path) has digest \(digest), signed is \(member.digest); copy it again")
        }
    }

    /// Where a blob stands; nil when it is not carried. Its bytes are those that ``check()`` saw as long as nobody writes to
    /// the file: whoever uses them compares digests again.
    public func slice(of blob: OCI.Digest) -> FileSlice? {
        let path = BundleManifest.path(of: blob)
        guard let offset = offsets[path], let member = manifest.files.first(where: { $0.path == path }) else {
            return nil
        }
        return FileSlice(file, offset: offset, size: member.size)
    }

    /// Blobs of layers that come along.
    public var carriedBlobs: Set<OCI.Digest> {
        Set(manifest.images.flatMap(\.layers).map(\.blob).filter { offsets[BundleManifest.path(of: $0)] != nil })
    }

    static func digest(of bytes: [UInt8]) -> OCI.Digest {
        guard let digest = OCI.Digest(bytes: Array(SHA256.hash(data: bytes))) else {
            preconditionFailure("SHA-256 has 32 bytes")
        }
        return digest
    }
}

/// What of a checked bundle is small.
public struct BundleContent: Sendable {
    let manifest: BundleManifest
    private let documents: [String: [UInt8]]

    init(manifest: BundleManifest, documents: [String: [UInt8]]) {
        self.manifest = manifest
        self.documents = documents
    }

    func document(_ path: String) throws(BundleError) -> [UInt8] {
        guard let bytes = documents[path] else { throw BundleError(.malformed, "\(path) is missing") }
        return bytes
    }

    /// The images, put together again.
    ///
    /// - Parameter pinned: By which name a device knows them: with the digest of the manifest, or as it was written.
    func images(pinned: Bool) throws(BundleError) -> [CarriedImage] {
        var images: [CarriedImage] = []
        for image in manifest.images {
            do {
                func blob(_ digest: OCI.Digest) throws -> [UInt8] { try document(BundleManifest.path(of: digest)) }
                var carried = try CarriedImage(
                    names: image.names, documents: image.documents.map(blob), config: blob(image.config),
                    signatures: image.signatures.map { signature in
                        try CarriedImage.Signature(
                            manifest: blob(signature.manifest), payloads: signature.payloads.map(blob))
                    })
                guard carried.layers.map(\.blob) == image.layers.map(\.blob),
                    carried.layers.map(\.diffID) == image.layers.map(\.diff)
                else { throw BundleError(.malformed, "its layers are not those of its manifest") }
                if pinned { carried.names = image.names.map { $0.pinned(to: carried.manifestDigest) } }
                images.append(carried)
            } catch {
                throw BundleError(wrapping: error).during("image \"\(image.names[0].familiar)\"")
            }
        }
        return images
    }
}

/// A place in a file, and bytes that must stand there.
struct BundleCursor {
    let file: OpenedFile
    var offset: Int64 = 0

    mutating func read(_ count: Int) throws -> [UInt8] {
        guard offset + Int64(count) <= file.size else { throw truncated }
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < count {
                done += try step(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            }
        }
        return bytes
    }

    mutating func expect(_ bytes: [UInt8], _ place: String) throws {
        guard try read(bytes.count) == bytes else {
            throw BundleError(.damaged, "it is damaged \(place.hasPrefix("the") ? "in " : "")\(place); copy it again")
        }
    }

    /// Hashes the next `count` bytes.
    mutating func digest(of count: Int64, _ progress: (Int64) -> Void) throws -> OCI.Digest {
        guard count <= file.size - offset else { throw truncated }
        var sum = SHA256()
        let end = offset + count
        try withUnsafeTemporaryAllocation(byteCount: 256 << 10, alignment: 16) { buffer in
            while offset < end {
                try Task.checkCancellation()
                let wanted = Int(min(Int64(buffer.count), end - offset))
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
                let got = try step(into: part)
                sum.update(bufferPointer: UnsafeRawBufferPointer(rebasing: part[..<got]))
                progress(offset)
            }
        }
        guard let digest = OCI.Digest(bytes: Array(sum.finalize())) else { preconditionFailure("SHA-256 has 32 bytes") }
        return digest
    }

    private mutating func step(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = try file.read(at: offset, into: buffer)
        // It became shorter since it was opened.
        guard count > 0 else { throw truncated }
        offset += Int64(count)
        return count
    }

    private var truncated: BundleError {
        BundleError(.truncated, "it ends at byte \(file.size), in the middle; copy it again")
    }
}
