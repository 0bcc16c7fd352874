internal import CArchive
internal import Linux
internal import OCI

/// The tar of a layer as its plan puts it together, while the ranges of the blob come. Blocks the thread until they do.
final class AssembledBlocks: BlockSource {
    private let plan: AssemblyPlan
    private let part: PartFile
    private var index = 0
    /// Bytes of the current piece that were given out.
    private var done: Int64 = 0
    private var file: (layer: Digest, path: [UInt8], descriptor: Int32)?
    private var frames: CompressedBlocks?
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
    /// Of the whole blob: what a layer may grow to depends on it.
    let compressedBytes: Int64

    init(_ plan: AssemblyPlan, part: PartFile, blobSize: Int64) {
        self.plan = plan
        self.part = part
        compressedBytes = blobSize
    }

    deinit {
        closeFile()
        buffer.deallocate()
    }

    func next() throws(ImageError) -> UnsafeRawBufferPointer? {
        while index < plan.pieces.count {
            let block: UnsafeRawBufferPointer?
            switch plan.pieces[index] {
            case .literal(let range): block = try literal(range)
            case .zeros(let count): block = zeros(count)
            case .local(let place): block = try local(place)
            case .frames(let range): block = try decompressed(range)
            }
            if let block, !block.isEmpty {
                done += Int64(block.count)
                return block
            }
            (index, done, frames) = (index + 1, 0, nil)
        }
        return nil
    }

    /// The part of the buffer that the rest of a piece of `length` bytes fills.
    private func room(for length: Int64) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(Int64(buffer.count), length - done))])
    }

    private func literal(_ range: Range<Int64>) throws(ImageError) -> UnsafeRawBufferPointer? {
        let room = room(for: Int64(range.count))
        do {
            let count = try plan.literals.read(at: range.lowerBound + done, into: room)
            return UnsafeRawBufferPointer(rebasing: room[..<count])
        } catch {
            throw ImageError(error)
        }
    }

    private func zeros(_ count: Int64) -> UnsafeRawBufferPointer? {
        let room = room(for: count)
        _ = room.initializeMemory(as: UInt8.self, repeating: 0)
        return UnsafeRawBufferPointer(room)
    }

    private func local(_ place: AssemblyPlan.Place) throws(ImageError) -> UnsafeRawBufferPointer? {
        let room = room(for: place.length)
        guard !room.isEmpty else { return nil }
        do {
            let file = try open(place)
            let position = off_t(place.offset + done)
            let count = try systemCall("pread") { pread(file, room.baseAddress, room.count, position) }
            guard count > 0 else { throw ImageError(.damaged, "it is shorter than it was") }
            return UnsafeRawBufferPointer(rebasing: room[..<count])
        } catch {
            throw ImageError(
                .damaged,
                "file \"\(EntryPath.text(place.path))\" of layer \(place.layer.chainID.short) cannot be taken: "
                    + ImageError(wrapping: error).message, cause: error)
        }
    }

    private func open(_ place: AssemblyPlan.Place) throws -> Int32 {
        if let file, file.layer == place.layer.chainID, file.path == place.path { return file.descriptor }
        closeFile()
        let descriptor = try place.open().release()
        file = (place.layer.chainID, place.path, descriptor)
        return descriptor
    }

    private func closeFile() {
        if let file { _ = close(file.descriptor) }
        file = nil
    }

    private func decompressed(_ range: Range<Int64>) throws(ImageError) -> UnsafeRawBufferPointer? {
        if let frames { return try frames.next() }
        let reader = try reader(of: plan.ranges.position(of: range))
        frames = reader
        return try reader.next()
    }

    private func reader(of fetched: Range<Int64>) throws(ImageError) -> CompressedBlocks {
        try CompressedBlocks { [part] (offset, buffer) throws(ImageError) -> Int in
            let count = min(Int64(buffer.count), Int64(fetched.count) - offset)
            guard count > 0 else { return 0 }
            return try part.read(
                at: fetched.lowerBound + offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(count)]))
        }
    }
}
