internal import CArchive
internal import Linux
internal import OCI

/// Unpacks on a thread of its own, one archive after the other: it blocks on the disk for seconds.
actor LayerUnpacker {
    private let executor = ThreadExecutor(name: "wherry-unpack")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    /// Which files of other layers a new layer may share; kept while layers come one after the other.
    var pool = FilePool()

    /// One layer to unpack.
    struct Job: Sendable {
        /// Path of the blob.
        let blob: String
        /// An unused path on the same file system.
        let staging: String
        /// Unpacked lower layers, nearest first.
        let lower: [String]
        let limits: UnpackLimits
        /// The digest the uncompressed tar must have; nil when it is not known before.
        let diffID: Digest?
        /// The blob on its way in, which is read while it grows in place of ``blob``.
        var part: PartFile?
        /// The blob inside another file, in place of ``blob``.
        var slice: FileSlice?
        /// How the tar is put together in place of reading it from a blob; ``part`` has the ranges that it takes then.
        var assembly: AssemblyPlan?
        /// Bytes of the blob, where a plan stands for it.
        var blobSize: Int64 = 0
    }

    /// Unpacks into the staging directory, with its index beside it; ``commit(staging:to:)`` makes both durable and puts
    /// them in their place.
    ///
    /// After an error the staging directory is gone.
    func unpack(_ job: Job) throws(ImageError) -> UnpackedLayer {
        do {
            try Files.makeDirectories(job.staging, mode: 0o755)
            do {
                return try Self.unpackStaged(job)
            } catch {
                Self.discard(job.staging)
                throw error
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private static func unpackStaged(_ job: Job) throws -> UnpackedLayer {
        let layer: UnpackedLayer
        if let part = job.part, let plan = job.assembly {
            let blocks = AssembledBlocks(plan, part: part, blobSize: job.blobSize)
            layer = try write(job, DecompressedStream(blocks, limits: job.limits))
        } else if let part = job.part {
            layer = try follow(part, job)
        } else if let slice = job.slice {
            layer = try write(job, DecompressedStream(slice: slice, limits: job.limits))
        } else {
            let blob = try FileDescriptor.open(job.blob, O_RDONLY)
            layer = try write(job, DecompressedStream(descriptor: blob.rawValue, limits: job.limits))
        }
        if let expected = job.diffID, expected != layer.diffID {
            throw ImageError(
                .digestMismatch,
                "the uncompressed layer has diff ID \(layer.diffID), but the config says \(expected); "
                    + "the image was built or stored wrongly")
        }
        return layer
    }

    /// Unpacks what is still coming; nothing is worth anything before the blob has its digest.
    private static func follow(_ part: PartFile, _ job: Job) throws -> UnpackedLayer {
        let layer: UnpackedLayer
        do {
            layer = try write(job, DecompressedStream(following: part, limits: job.limits))
        } catch let error as ImageError where error.code == .invalidLayer {
            // What was damaged on the way is told from what was made wrongly by the blob's digest.
            try part.waitUntilVerified()
            throw error
        }
        try part.waitUntilVerified()
        return layer
    }

    private static func write(_ job: Job, _ stream: DecompressedStream) throws -> UnpackedLayer {
        try LayerWriter(path: job.staging, lower: job.lower, limits: job.limits).unpack(stream)
    }

    /// Takes an archive of files apart; see ``ArchiveContents``.
    func extract(_ path: String, into directory: String, limits: UnpackLimits) throws(ImageError) -> ArchiveContents {
        do {
            let source = try FileDescriptor.open(path, O_RDONLY)
            return try ArchiveContents(extracting: source.rawValue, into: directory, limits: limits)
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    /// The same for an archive that is still coming.
    func extract(_ feed: UploadFeed, into directory: String, limits: UnpackLimits) throws(ImageError) -> ArchiveContents
    {
        do {
            let source = try feed.takeReader()
            return try ArchiveContents(extracting: source.rawValue, into: directory, limits: limits)
        } catch {
            throw ImageError(wrapping: error)
        }
    }
}
