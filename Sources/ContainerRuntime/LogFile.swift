/// Where a container's output goes.
public struct LogFile: Hashable, Sendable {
    public var path: String
    /// A file that has reached this size is rotated; 0 is never.
    public var maxBytes: Int64
    /// How many files are kept, the current one included: `path`, `path.1` (newer) … `path.n`.
    public var maxFiles: Int

    public init(path: String, maxBytes: Int64 = 10 << 20, maxFiles: Int = 3) {
        self.path = path
        self.maxBytes = maxBytes
        self.maxFiles = maxFiles
    }
}
