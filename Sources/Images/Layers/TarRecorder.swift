/// Splits a tar stream into what files hold and the rest, which goes into the layer's index.
///
/// ``TarReader`` gives every block of the stream, and says after each header and each piece of content how far libarchive
/// is. What is neither content nor skipped past the end is raw: this knows nothing of tar's formats, so it cannot disagree
/// with the reader about them.
final class TarRecorder {
    let index: LayerIndexWriter
    /// Bytes of the stream that are not yet known to be raw or content, from ``position`` on.
    private var pending: [UInt8] = []
    private var head = 0
    /// Offset in the stream of the first pending byte.
    private var position: Int64 = 0

    init(_ index: LayerIndexWriter) { self.index = index }

    func append(_ block: UnsafeRawBufferPointer) {
        if head > 0 {
            pending.removeSubrange(..<head)
            head = 0
        }
        pending.append(contentsOf: block)
    }

    /// Everything before `offset` that is still pending is raw.
    func markRaw(upTo offset: Int64) throws(ImageError) {
        let count = min(Int(clamping: offset - position), pending.count - head)
        guard count > 0 else { return }
        try index.appendRaw(pending[head..<(head + count)])
        drop(count)
    }

    /// The next `count` bytes are a file's.
    func skipContent(_ count: Int) { drop(min(count, pending.count - head)) }

    /// Everything that is still pending is raw.
    func markRestRaw() throws(ImageError) { try markRaw(upTo: position + Int64(pending.count - head)) }

    private func drop(_ count: Int) {
        head += count
        position += Int64(count)
    }
}
