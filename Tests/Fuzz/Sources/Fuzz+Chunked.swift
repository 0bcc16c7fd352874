@testable import Images

/// A table of contents of a zstd:chunked layer. What it says of frames and chunks must be true of some blob.
func readContents(_ bytes: [UInt8]) {
    let blob: Int64 = 1 << 30
    bytes.withUnsafeBytes { buffer in
        // Blocks as small as the input says: an entry may be cut anywhere.
        let step = 1 + Int(bytes.first ?? 0) % 64
        var position = 0
        let contents = try? ChunkedContents(in: 0..<blob, plainSize: Int64(bytes.count)) { () throws(ImageError) in
            guard position < buffer.count else { return nil }
            let end = min(position + step, buffer.count)
            defer { position = end }
            return UnsafeRawBufferPointer(rebasing: buffer[position..<end])
        }
        if let contents { check(contents, blob) }
        // The same bytes as raw blocks of a tar and as a tar-split record.
        for header in KnownHeader.all(in: bytes[...]) {
            precondition(header.blocks.count % KnownHeader.blockSize == 0, "a piece of a block")
            for entry in contents?.entries ?? [] { _ = header.header(of: entry, known: nil) }
            _ = header.plainName
        }
        var reader = TarSplitReader()
        var isRead = false
        try? reader.read(
            plainSize: Int64(bytes.count),
            next: { () throws(ImageError) in
                defer { isRead = true }
                return isRead ? nil : buffer
            }
        ) { _ in }
    }
}

private func check(_ contents: ChunkedContents, _ blob: Int64) {
    var position: Int64 = 0
    for entry in contents.entries {
        guard let payload = entry.payload else { continue }
        precondition(payload.frames.lowerBound >= position && payload.frames.upperBound <= blob, "frames out of order")
        position = payload.frames.upperBound
        var (size, frames) = (Int64(0), payload.frames.lowerBound)
        for chunk in payload.chunks {
            precondition(chunk.offset == size && chunk.frames.lowerBound == frames, "chunks with gaps")
            size += chunk.size
            frames = chunk.frames.upperBound
        }
        precondition(size == entry.size && frames == payload.frames.upperBound, "chunks that are not the file")
    }
}
