internal import CArchive
internal import Linux
internal import OCI

/// The blocking reads of one archive, on a thread of its own.
actor ArchiveThread {
    private let executor = ThreadExecutor(name: "wherry-archive")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private var file: Int32 = -1
    private var tree: TreeArchiver?

    deinit { if file >= 0 { close(file) } }

    // MARK: A file

    /// Opens a file for ``read(_:)`` and gives its size.
    func open(_ path: String) throws(ImageError) -> Int64 {
        if file >= 0 { close(file) }
        file = -1
        do {
            file = try FileDescriptor.open(path, O_RDONLY | O_NOFOLLOW).release()
            var info = stat()
            try systemCall("fstat", on: path) { fstat(file, &info) }
            return Int64(info.st_size)
        } catch {
            throw ImageError(error)
        }
    }

    /// The next bytes, at most `maximum`; none at the end of the file.
    func read(_ maximum: Int) throws(ImageError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: maximum)
        do {
            let count = try systemCall("read") {
                buffer.withUnsafeMutableBytes { Linux.read(file, $0.baseAddress, $0.count) }
            }
            buffer.removeLast(maximum - count)
            return buffer
        } catch {
            throw ImageError(error)
        }
    }

    /// Bytes from an offset, as many as asked for unless the file ends.
    func read(_ count: Int, at offset: Int64) throws(ImageError) -> [UInt8] {
        do {
            try systemCall("lseek") { Int(lseek(file, off_t(offset), SEEK_SET)) }
        } catch {
            throw ImageError(error)
        }
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try read(count - bytes.count)
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    // MARK: A tree

    func openTree(_ layers: [String], _ form: TreeArchiver.Form) throws(ImageError) {
        tree = try TreeArchiver(layers: layers, form: form)
    }

    func nextOfTree() throws(ImageError) -> [UInt8]? { try tree?.next() }

    /// Packs one layer's changes into a new compressed file.
    func packChanges(of layer: String, into path: String) throws(ImageError) -> GzipWriter.Result {
        let tree = try TreeArchiver(layers: [layer], form: .changes)
        return try pack(into: path) { () throws(ImageError) in try tree.next() }
    }

    /// Compresses a file into a new one.
    func pack(file: String, into path: String) throws(ImageError) -> GzipWriter.Result {
        _ = try open(file)
        return try pack(into: path) { () throws(ImageError) in
            let bytes = try read(256 << 10)
            return bytes.isEmpty ? nil : bytes
        }
    }

    private func pack(
        into path: String, _ next: () throws(ImageError) -> [UInt8]?
    ) throws(ImageError) -> GzipWriter.Result {
        do {
            let writer = try GzipWriter(path: path)
            while let bytes = try next() {
                try Task.checkCancellation()
                try writer.write(bytes)
            }
            return try writer.finish()
        } catch {
            unlink(path)
            throw ImageError(wrapping: error)
        }
    }
}
