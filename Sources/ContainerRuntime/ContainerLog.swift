import Linux

/// Writes a container's output in the CRI format, `timestamp stream tag text`, and rotates the file by size.
///
/// A line longer than 16 KiB is written in pieces with the tag P, its end with F. When the disk is full lines are dropped:
/// the container must never wait for its log.
struct ContainerLog {
    enum Stream: Int {
        case stdout, stderr

        var name: StaticString { self == .stdout ? " stdout " : " stderr " }
    }

    static let longestPiece = 16 << 10
    private static let flushSize = 32 << 10

    private let options: LogFile
    private var file: Int32 = -1
    private var size: Int64 = 0
    private var partial: [[UInt8]] = [[], []]
    private var output: [UInt8] = []

    init(_ options: LogFile) throws(SystemError) {
        self.options = options
        try openFile()
    }

    /// Sees that the log can be written, and is there from the beginning.
    static func makeFile(_ options: LogFile) throws(SystemError) {
        try Files.makeDirectories(Files.directory(of: options.path), mode: 0o755)
        close(try ContainerLog(options).file)
    }

    /// Takes what was read from a stream.
    mutating func append(_ bytes: ArraySlice<UInt8>, to stream: Stream) {
        let now = WallClock.now()
        let timestamp = RFC3339.formatBytes(seconds: now.seconds, nanoseconds: now.nanoseconds, digits: 9)
        var rest = bytes
        while !rest.isEmpty {
            let room = Self.longestPiece - partial[stream.rawValue].count
            let window = rest.prefix(room + 1)
            if let newline = window.firstIndex(of: UInt8(ascii: "\n")) {
                emit(rest[..<newline], of: stream, isWhole: true, timestamp)
                rest = rest[(newline + 1)...]
            } else if rest.count > room {
                emit(rest.prefix(room), of: stream, isWhole: false, timestamp)
                rest = rest.dropFirst(room)
            } else {
                partial[stream.rawValue] += rest
                break
            }
        }
        flush()
    }

    /// Writes an unfinished last line, with the tag P: the container wrote no line end, so readers show none.
    mutating func finish(_ stream: Stream) {
        guard !partial[stream.rawValue].isEmpty else { return }
        let now = WallClock.now()
        emit(
            [], of: stream, isWhole: false,
            RFC3339.formatBytes(seconds: now.seconds, nanoseconds: now.nanoseconds, digits: 9))
        flush()
    }

    private mutating func emit(_ text: ArraySlice<UInt8>, of stream: Stream, isWhole: Bool, _ timestamp: [UInt8]) {
        output += timestamp
        stream.name.withUTF8Buffer { output += $0 }
        output.append(UInt8(ascii: isWhole ? "F" : "P"))
        output.append(UInt8(ascii: " "))
        output += partial[stream.rawValue]
        output += text
        output.append(UInt8(ascii: "\n"))
        partial[stream.rawValue].removeAll(keepingCapacity: false)
        if output.count >= Self.flushSize { flush() }
    }

    private mutating func flush() {
        guard !output.isEmpty else { return }
        if options.maxBytes > 0, size > 0, size + Int64(output.count) > options.maxBytes { rotate() }
        if file >= 0, (try? Files.writeAll(file, output)) != nil { size += Int64(output.count) }
        output.removeAll(keepingCapacity: output.count <= 4096)
    }

    private mutating func rotate() {
        close(file)
        file = -1
        if options.maxFiles > 1 {
            for number in stride(from: options.maxFiles - 2, through: 1, by: -1) {
                rename("\(options.path).\(number)", "\(options.path).\(number + 1)")
            }
            rename(options.path, "\(options.path).1")
        } else {
            unlink(options.path)
        }
        try? openFile()
    }

    private mutating func openFile() throws(SystemError) {
        let opened = try FileDescriptor.open(options.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o640)
        var info = stat()
        size = fstat(opened.rawValue, &info) == 0 ? Int64(info.st_size) : 0
        file = opened.release()
    }
}
