internal import OCI

/// The uncompressed bytes of a layer or archive, hashed, counted and bounded as they pass.
final class DecompressedStream {
    private let source: any BlockSource
    private let limits: UnpackLimits
    private var hasher = ContentHasher()
    private(set) var failure: ImageError?
    /// Uncompressed bytes so far.
    var count: Int64 { hasher.count }
    private var isAtEnd = false

    init(_ source: any BlockSource, limits: UnpackLimits) {
        self.source = source
        self.limits = limits
    }

    /// - Parameter descriptor: Open for reading, at its start; stays open. May be a pipe.
    convenience init(descriptor: Int32, limits: UnpackLimits) throws(ImageError) {
        self.init(try CompressedBlocks(descriptor: descriptor), limits: limits)
    }

    /// Reads a blob while it comes; blocks the thread until there is more.
    convenience init(following part: PartFile, limits: UnpackLimits) throws(ImageError) {
        self.init(
            try CompressedBlocks(size: part.size) { offset, buffer throws(ImageError) in
                try part.read(at: offset, into: buffer)
            }, limits: limits)
    }

    /// Reads one part of a file.
    convenience init(slice: FileSlice, limits: UnpackLimits) throws(ImageError) {
        self.init(
            try CompressedBlocks(size: slice.size) { offset, buffer throws(ImageError) in
                try slice.read(at: offset, into: buffer)
            }, limits: limits)
    }

    /// The next block, valid until the next call; nil at the end.
    func next() throws(ImageError) -> UnsafeRawBufferPointer? {
        if let failure { throw failure }
        if isAtEnd { return nil }
        do {
            guard let block = try source.next() else {
                isAtEnd = true
                return nil
            }
            hasher.update(block)
            try checkLimits()
            return block
        } catch {
            failure = error
            throw error
        }
    }

    private func checkLimits() throws(ImageError) {
        let count = hasher.count
        guard count <= limits.bytes else {
            throw ImageError(.limitExceeded, "it has more than \(limits.bytes) bytes when uncompressed")
        }
        guard count <= limits.ratioFloor || count / max(source.compressedBytes, 1) <= limits.ratio else {
            throw ImageError(
                .limitExceeded, "it grows more than \(limits.ratio)-fold when uncompressed, like a decompression bomb")
        }
    }

    /// Reads what is left (padding after the end of a tar) and gives the digest of everything.
    func finish() throws(ImageError) -> (digest: Digest, bytes: Int64) {
        while try next() != nil {}
        return (hasher.finish(), hasher.count)
    }
}
