internal import CArchive
internal import Linux

/// Space that is taken so that it can be given back when the disk is full and something must be written all the same.
struct DiskReserve: Sendable {
    private let path: String
    private let size: Int64

    /// - Returns: Nil when the settings want none.
    init?(root: String, bounds: ClosedRange<Int64>?) throws(SystemError) {
        guard let bounds else { return nil }
        var info = statvfs()
        try systemCall("statvfs", on: root) { statvfs(root, &info) }
        let onePercent = Int64(clamping: info.f_blocks) * Int64(info.f_frsize) / 100
        path = root + "/reserve"
        size = min(max(onePercent, bounds.lowerBound), bounds.upperBound)
    }

    var bytes: Int64 { size }

    var isHeld: Bool {
        var info = stat()
        return stat(path, &info) == 0 && Int64(info.st_blocks) * 512 >= size
    }

    /// Takes the space when four times as much is free; a disk nearer to its end needs what it has.
    func take(free: Int64) throws(SystemError) {
        guard !isHeld, free >= size * 4 else { return }
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
        do {
            // Not posix_fallocate: where the file system can't, it writes zeros, and wears the flash for nothing.
            try systemCall("fallocate", on: path) { carchive_fallocate(file.rawValue, off_t(size)) }
        } catch {
            unlink(path)
            guard error.errno == .notSupported || error.errno == .noSpace else { throw error }
        }
    }

    /// Gives the space back; true when there was some.
    func release() throws(SystemError) -> Bool { try Files.remove(path) }
}
