internal import CArchive
internal import Linux
internal import OCI

/// Gives a layer's tar stream back from its directory and index.
final class LayerRebuild {
    private let tree: LayerTree
    private let reader: LayerIndexReader
    private let output: FileDescriptor
    private let path: String
    private var hasher = ContentHasher()
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

    /// Writes the stream to a new file, which is gone again after an error.
    /// - Throws: ``ImageError`` with code `damaged` when what comes out is not the stream of `diffID`.
    static func write(layer: String, diffID: Digest, to path: String) throws(ImageError) {
        do {
            let rebuild = try LayerRebuild(layer: layer, path: path)
            do {
                try rebuild.run(diffID)
            } catch {
                unlink(path)
                throw error
            }
        } catch {
            throw ImageError(wrapping: error)
        }
    }

    private init(layer: String, path: String) throws {
        tree = try LayerTree(path: layer, lower: [])
        reader = try LayerIndexReader(path: LayerIndexFile.path(of: layer))
        output = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        self.path = path
    }

    deinit { buffer.deallocate() }

    private func run(_ diffID: Digest) throws {
        while let record = try reader.next() {
            switch record {
            case .raw(let bytes): try bytes.withUnsafeBytes { try put($0) }
            case .entry(let entry) where entry.kind == .file && !entry.extents.isEmpty:
                try Task.checkCancellation()
                try putContent(of: entry)
            case .entry, .superseded, .end: continue
            }
        }
        let digest = hasher.finish()
        guard digest == diffID else {
            throw ImageError(.damaged, "its files give a tar of digest \(digest) instead of \(diffID)")
        }
    }

    private func putContent(of entry: LayerEntry) throws {
        let file = try tree.openFile(entry.path)
        for extent in entry.extents {
            var done: Int64 = 0
            while done < extent.length {
                let wanted = min(buffer.count, Int(extent.length - done))
                let count = try read(file.rawValue, at: extent.offset + done, wanted, of: entry)
                guard count > 0 else {
                    throw ImageError(.damaged, "its file \"\(EntryPath.text(entry.path))\" is shorter than it was")
                }
                try put(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                done += Int64(count)
            }
        }
    }

    private func read(_ file: Int32, at offset: Int64, _ wanted: Int, of entry: LayerEntry) throws -> Int {
        let count = pread(file, buffer.baseAddress, wanted, off_t(offset))
        if count >= 0 { return count }
        let failure = SystemError(call: "pread", errno: .last, subject: EntryPath.text(entry.path))
        guard failure.errno == .input else { throw failure }
        throw ImageError(.damaged, "its file \"\(EntryPath.text(entry.path))\" cannot be read", cause: failure)
    }

    private func put(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        hasher.update(bytes)
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try systemCall("write", on: path) { Linux.write(output.rawValue, rest.baseAddress, rest.count) }
        }
    }
}

extension LayerTree {
    /// Opens a file beneath the root for reading.
    func openFile(_ path: [UInt8]) throws -> FileDescriptor {
        let path = try EntryPath(path, limit: 4096)
        guard let name = path.name else { throw ImageError(.damaged, "its index names the root as a file") }
        return FileDescriptor(
            adopting: try withDirectory(path.parent, creating: false) { parent throws(ImageError) in
                do { return try FileDescriptor.open(at: parent, name).release() } catch {
                    throw ImageError(wrapping: error)
                }
            })
    }
}
