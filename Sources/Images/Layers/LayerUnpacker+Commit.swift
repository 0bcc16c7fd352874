internal import CArchive
internal import Linux
internal import OCI

extension LayerUnpacker {
    /// Makes a staged layer durable and has the kernel verify its large files, and renames index and directory to their final paths, which a crash may have left
    /// occupied. The index goes first: a directory that is in place has one.
    func commit(staging: String, to final: String) throws(ImageError) {
        do {
            try FileVerity.protect(staging)
            try Self.sync(staging)
            try Files.removeTree(final)
            let index = LayerIndexFile.path(of: final)
            try systemCall("rename", on: index) { rename(LayerIndexFile.path(of: staging), index) }
            try systemCall("rename", on: final) { rename(staging, final) }
            try Files.syncDirectory(Files.directory(of: final))
        } catch {
            Self.discard(staging)
            throw ImageError(wrapping: error)
        }
    }

    /// Replaces the files that another layer has, too, by links to those. Gives what it found and saved.
    func share(_ staging: String, with layers: [FilePool.Layer]) -> SharedFiles {
        pool.load(layers)
        return pool.share(staging)
    }

    /// Adds a layer that is in its place to those whose files may be shared.
    func shareable(_ layer: FilePool.Layer) { pool.load([layer]) }

    /// Gives memory back when no layers come any more.
    func forgetPool() { pool = FilePool() }

    /// Writes the uncompressed content of a blob to a new file.
    func decompress(_ blob: String, to path: String, diffID: Digest, limits: UnpackLimits) throws(ImageError) {
        do {
            let source = try FileDescriptor.open(blob, O_RDONLY)
            let stream = try DecompressedStream(descriptor: source.rawValue, limits: limits)
            let output = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            do {
                while let block = try stream.next() {
                    try Task.checkCancellation()
                    try output.writeAll(Array(block))
                }
                guard try stream.finish().digest == diffID else {
                    throw ImageError(.damaged, "its blob is not what it was")
                }
            } catch {
                unlink(path)
                throw error
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    /// Removes a layer's directory and index, or any other tree.
    func remove(_ path: String) throws(ImageError) {
        do {
            try Files.removeTree(path)
            try Files.remove(LayerIndexFile.path(of: path))
        } catch {
            throw ImageError(error)
        }
    }

    /// Removes what is staged as far as that goes: the next start clears the rest.
    static func discard(_ staging: String) {
        try? Files.removeTree(staging)
        _ = unlink(LayerIndexFile.path(of: staging))
    }

    /// Everything written to the file system of this path is on the disk afterwards.
    static func sync(_ path: String) throws(SystemError) {
        let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        try systemCall("syncfs", on: path) { carchive_syncfs(directory.rawValue) }
    }
}
