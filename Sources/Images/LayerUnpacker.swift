internal import CArchive
internal import Linux
internal import OCI

/// Unpacks on a thread of its own, one archive after the other: it blocks on the disk for seconds.
actor LayerUnpacker {
    private let executor = ThreadExecutor(name: "wherry-unpack")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

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
    }

    /// Unpacks into the staging directory and makes it durable; ``commit(staging:to:)`` puts it in its place.
    ///
    /// After an error the staging directory is gone.
    func unpack(_ job: Job) throws(ImageError) -> UnpackedLayer {
        do {
            try Files.makeDirectories(job.staging, mode: 0o755)
            do {
                return try Self.unpackStaged(job)
            } catch {
                try? Files.removeTree(job.staging)
                throw error
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private static func unpackStaged(_ job: Job) throws -> UnpackedLayer {
        let blob = try FileDescriptor.open(job.blob, O_RDONLY)
        let stream = try DecompressedStream(descriptor: blob.rawValue, limits: job.limits)
        let layer = try LayerWriter(path: job.staging, lower: job.lower, limits: job.limits).unpack(stream)
        if let expected = job.diffID, expected != layer.diffID {
            throw ImageError(
                .digestMismatch,
                "the uncompressed layer has diff ID \(layer.diffID), but the config says \(expected); "
                    + "the image was built or stored wrongly")
        }
        return layer
    }

    /// Renames a staging directory to its final path, which a crash may have left occupied.
    func commit(staging: String, to final: String) throws(ImageError) {
        do {
            try Files.removeTree(final)
            try systemCall("rename", on: final) { rename(staging, final) }
            try Files.syncDirectory(Self.directory(of: final))
        } catch {
            try? Files.removeTree(staging)
            throw ImageError(error)
        }
    }

    func remove(_ path: String) throws(ImageError) {
        do { try Files.removeTree(path) } catch { throw ImageError(error) }
    }

    /// Takes an archive of files apart; see ``ArchiveContents``.
    func extract(_ path: String, into directory: String, limits: UnpackLimits) throws(ImageError) -> ArchiveContents {
        do {
            return try ArchiveContents(extracting: path, into: directory, limits: limits)
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}
