internal import Linux

/// Leaves a reserve on the disk: the registry stops taking bytes before the hub's own state cannot be written any more.
struct DiskSpace: Sendable {
    let reserve: Int64
    /// Bytes that are free.
    let free: @Sendable () throws -> Int64
    /// Free space is asked for once in so many bytes.
    private static let stride: Int64 = 4 << 20

    /// - Parameters:
    ///   - count: Bytes about to be written.
    ///   - offset: Where in the file.
    /// - Throws: `diskFull`.
    func demand(_ count: Int64, at offset: Int64) throws(ImageError) {
        guard offset == 0 || offset / Self.stride != (offset + count) / Self.stride else { return }
        guard let free = try lacking(count) else { return }
        throw ImageError(
            .diskFull,
            "no space left on the disk of the registry: \(free >> 20) MiB are free, and \(reserve >> 20) MiB stay reserved; "
                + "delete images, run `wherry registry gc` at the hub, or give its disk more room")
    }

    /// The bytes that are free when these are too many for them; nil when there is room, also for all that is written before
    /// the next look.
    func lacking(_ count: Int64) throws(ImageError) -> Int64? {
        let free: Int64
        do { free = try self.free() } catch { throw ImageError(wrapping: error) }
        return free - max(count, Self.stride) < reserve ? free : nil
    }
}
