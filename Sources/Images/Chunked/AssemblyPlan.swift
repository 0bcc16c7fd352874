internal import CArchive
internal import Linux
internal import OCI

/// How the tar of a layer is put together from what is here and some ranges of its blob.
struct AssemblyPlan: Sendable {
    enum Piece: Sendable {
        /// Bytes of the plan's own file.
        case literal(Range<Int64>)
        case zeros(Int64)
        /// A piece of a file of another layer.
        case local(Place)
        /// Frames of the blob, which are fetched.
        case frames(Range<Int64>)
    }

    /// Content in a layer that is here.
    struct Place: Sendable {
        let layer: FilePool.Layer
        let path: [UInt8]
        var offset: Int64 = 0
        let length: Int64
        /// Of these bytes.
        let digest: [UInt8]
    }

    /// In the order of the tar.
    let pieces: [Piece]
    let literals: LiteralFile
    let ranges: BlobRanges
    /// Bytes of the files, as the table of contents says.
    let fileBytes: Int64
    /// The digest that the layer's tar-split record must have; nil when there is none.
    let tarSplitDigest: Digest?

    /// Layers that content is taken from.
    var layers: Set<Digest> {
        pieces.reduce(into: []) { layers, piece in
            if case .local(let place) = piece { layers.insert(place.layer.chainID) }
        }
    }

    /// Whether fetching the ranges is worth it, in place of the layer as one stream.
    func isWorthwhile(for size: Int64) -> Bool { ranges.cost <= size - size / 4 }

    /// Pieces of other layers that are not what those layers' indexes say, by layer.
    func rottenPlaces() -> [Digest: String] {
        var rotten: [Digest: String] = [:]
        for case .local(let place) in pieces where rotten[place.layer.chainID] == nil {
            if !place.isSound { rotten[place.layer.chainID] = EntryPath.text(place.path) }
        }
        return rotten
    }
}

extension AssemblyPlan.Place {
    func open() throws -> FileDescriptor {
        try LayerTree(path: layer.directory, lower: []).openFile(path)
    }

    /// Whether the bytes have their digest.
    var isSound: Bool {
        guard let file = try? open() else { return false }
        return (try? Self.digest(of: file.rawValue, offset, length)) == digest
    }

    /// The digest of a piece of a file, as far as it goes.
    static func digest(of file: Int32, _ offset: Int64, _ length: Int64) throws(SystemError) -> [UInt8] {
        var hasher = ContentHasher()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
        defer { buffer.deallocate() }
        while hasher.count < length {
            let wanted = Int(min(Int64(buffer.count), length - hasher.count))
            let position = off_t(offset + hasher.count)
            let count = try systemCall("pread") { pread(file, buffer.baseAddress, wanted, position) }
            if count == 0 { break }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return hasher.finishBytes()
    }
}

/// Bytes of a plan that neither files nor frames have: a file without a name, gone with the plan.
final class LiteralFile: Sendable {
    private let file: FileDescriptor

    /// - Parameter path: An unused path.
    init(path: String) throws(SystemError) {
        file = try FileDescriptor.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        try systemCall("unlink", on: path) { unlink(path) }
    }

    /// Adds bytes at the end, which is at `offset`.
    func append(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            done += try systemCall("pwrite") { [descriptor = file.rawValue] in
                bytes[done...].withUnsafeBytes {
                    pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset) + off_t(done))
                }
            }
        }
    }

    func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try systemCall("pread") { [descriptor = file.rawValue] in
            pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
        }
    }
}
