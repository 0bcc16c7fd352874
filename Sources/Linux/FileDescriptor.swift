/// Owns one descriptor, which is closed with it.
///
/// The deinitialiser closes silently instead of trapping: with typed throws every error path would otherwise need its own
/// close. Close explicitly where the moment matters.
public struct FileDescriptor: ~Copyable, Sendable {
    public let rawValue: Int32

    /// Takes ownership of an open descriptor.
    public init(adopting rawValue: Int32) { self.rawValue = rawValue }

    deinit { _ = Self.closeNow(rawValue) }

    /// Closes now.
    public consuming func close() {
        let descriptor = rawValue
        discard self
        _ = Self.closeNow(descriptor)
    }

    /// Gives the descriptor away; the caller closes it.
    public consuming func release() -> Int32 {
        let descriptor = rawValue
        discard self
        return descriptor
    }

    /// A second descriptor of the same open file, at least `lowest`, closed on exec.
    public borrowing func duplicate(atLeast lowest: Int32 = 3) throws(SystemError) -> FileDescriptor {
        let descriptor = rawValue
        return FileDescriptor(
            adopting: try systemCall("fcntl") { wherry_fcntl_integer(descriptor, F_DUPFD_CLOEXEC, lowest) })
    }

    // Linux frees the number even when close fails, so there is nothing to retry.
    private static func closeNow(_ descriptor: Int32) -> Int32 { closeDescriptor(descriptor) }
}

private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }

extension FileDescriptor {
    /// Opens a path; O_CLOEXEC is always set.
    public static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(adopting: try systemCall("open", on: path) { openPath(path, flags | O_CLOEXEC, mode) })
    }

    /// Opens a path relative to a directory descriptor; O_CLOEXEC is always set.
    public static func open(
        at directory: Int32, _ path: String, _ flags: Int32, mode: mode_t = 0
    ) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            adopting: try systemCall("openat", on: path) { openat(directory, path, flags | O_CLOEXEC, mode) })
    }

    /// A pipe whose ends are closed on exec.
    public static func pipe() throws(SystemError) -> PipeEnds {
        var ends: (Int32, Int32) = (-1, -1)
        try systemCall("pipe2") {
            withUnsafeMutableBytes(of: &ends) { buffer in
                buffer.assumingMemoryBound(to: Int32.self).baseAddress.map { wherry_pipe($0) } ?? -1
            }
        }
        return PipeEnds(reader: FileDescriptor(adopting: ends.0), writer: FileDescriptor(adopting: ends.1))
    }

    /// Reads until the end of the file or `limit` bytes.
    public borrowing func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
        try Files.readToEnd(rawValue, limit: limit)
    }

    /// Writes all bytes.
    public borrowing func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        try Files.writeAll(rawValue, bytes)
    }
}

/// Both ends of a pipe.
public struct PipeEnds: ~Copyable, Sendable {
    public var reader: FileDescriptor
    public var writer: FileDescriptor

    public init(reader: consuming FileDescriptor, writer: consuming FileDescriptor) {
        self.reader = reader
        self.writer = writer
    }
}

private func openPath(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }
