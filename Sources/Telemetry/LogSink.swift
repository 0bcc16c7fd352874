import Linux

/// Takes finished log lines.
public struct LogSink: Sendable {
    let write: @Sendable ([UInt8]) -> Void

    public init(_ write: @escaping @Sendable ([UInt8]) -> Void) {
        self.write = write
    }

    /// One `write(2)` per line, so that lines of several threads and processes do not mix. A full or closed pipe loses
    /// the line: logging never stops a workload.
    public static let standardError = LogSink { line in
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = Linux.write(2, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written < 0 {
                    guard errno == EINTR else { return }
                } else {
                    rest = rest.dropFirst(written)
                }
            }
        }
    }
}
