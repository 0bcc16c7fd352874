import Linux

/// One line of a container's log in the CRI format: `<RFC 3339 time> <stdout|stderr> <F|P> <text>`.
struct LogLine {
    var timestamp: Substring.UTF8View
    /// A part of a longer line: no line end follows.
    var isPartial: Bool
    var text: ArraySlice<UInt8>

    /// Reads one line without its line end; nil when it isn't in the format (a torn write after a power cut).
    init?(_ line: ArraySlice<UInt8>) {
        let space = UInt8(ascii: " ")
        guard let first = line.firstIndex(of: space),
            let second = line[(first + 1)...].firstIndex(of: space)
        else { return nil }
        let third = line[(second + 1)...].firstIndex(of: space) ?? line.endIndex
        let tag = line[(second + 1)..<third]
        guard let mark = tag.first, mark == UInt8(ascii: "F") || mark == UInt8(ascii: "P") else { return nil }
        timestamp = Substring(decoding: line[..<first], as: UTF8.self).utf8
        isPartial = mark == UInt8(ascii: "P")
        text = third < line.endIndex ? line[(third + 1)...] : []
    }

    /// What `kubectl logs` prints for it.
    func output(withTimestamp: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count + 40)
        if withTimestamp {
            bytes += timestamp
            bytes.append(UInt8(ascii: " "))
        }
        bytes += text
        if !isPartial { bytes.append(UInt8(ascii: "\n")) }
        return bytes
    }

    func isBefore(_ since: LogQuery.Moment) -> Bool {
        guard let time = RFC3339.parse(String(Substring(timestamp))) else { return false }
        return (time.seconds, time.nanoseconds) < (since.seconds, since.nanoseconds)
    }
}

/// Which part of a log is wanted.
public struct LogQuery: Sendable, Hashable {
    /// A wall-clock moment.
    public struct Moment: Sendable, Hashable {
        public var seconds: Int64
        public var nanoseconds: Int32

        public init(seconds: Int64, nanoseconds: Int32 = 0) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
    }

    /// Only the last so many lines.
    public var tailLines: Int?
    public var since: Moment?
    /// Ends after so many bytes of output.
    public var limitBytes: Int?
    public var timestamps = false
    public var follow = false

    public init() {}
}
