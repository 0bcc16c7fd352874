internal import Linux

/// A file that only holds space, so that deleting stays possible on a full disk: a delete needs room in the log first.
struct DiskReserve {
    /// Bytes.
    static let size: off_t = 1 << 20
    let path: String

    /// Takes the space if it is there to take; best effort, since a full disk is what it is for.
    func fill() -> Bool {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        if fstat(descriptor, &status) == 0, off_t(status.st_blocks) * 512 >= Self.size { return true }
        guard posix_fallocate(descriptor, 0, Self.size) == 0 else {
            unlink(path)
            return false
        }
        return true
    }

    /// Gives the space back; false when there was none.
    func release() -> Bool { unlink(path) == 0 }
}
