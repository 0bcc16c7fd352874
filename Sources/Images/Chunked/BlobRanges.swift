internal import OCI

/// Pieces of a blob that are fetched as if they were a file of their own, one after the other.
struct BlobRanges: Sendable, Equatable {
    /// Ascending, and apart from each other.
    let ranges: [Range<Int64>]
    /// Where each begins in the file that they make.
    private let starts: [Int64]
    /// Bytes of all.
    let size: Int64

    /// What a request costs beside its bytes: a connection's three round trips and a certificate chain on a mobile link.
    static let requestCost: Int64 = 32 << 10

    init(_ ranges: [Range<Int64>]) {
        self.ranges = ranges
        var starts: [Int64] = []
        var size: Int64 = 0
        for range in ranges {
            starts.append(size)
            size += Int64(range.count)
        }
        self.starts = starts
        self.size = size
    }

    /// Covers all of these, which ascend; what lies between two and costs less than a request is fetched along.
    init(covering wanted: [Range<Int64>]) {
        var ranges: [Range<Int64>] = []
        for range in wanted where !range.isEmpty {
            if let last = ranges.last, range.lowerBound - last.upperBound <= Self.requestCost {
                ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
        self.init(ranges)
    }

    /// Bytes, with what the requests cost.
    var cost: Int64 { size + Int64(ranges.count) * Self.requestCost }

    /// What of the blob is still to be asked for where so many bytes are here: the rest of one range.
    func rest(after count: Int64) -> Range<Int64> {
        let index = last(starts) { $0 <= count }
        return (ranges[index].lowerBound + count - starts[index])..<ranges[index].upperBound
    }

    /// Where a piece of the blob, which must be in one range, stands among the fetched bytes.
    func position(of piece: Range<Int64>) -> Range<Int64> {
        let index = last(ranges) { $0.lowerBound <= piece.lowerBound }
        precondition(piece.upperBound <= ranges[index].upperBound, "a piece that is not fetched")
        let start = starts[index] + piece.lowerBound - ranges[index].lowerBound
        return start..<(start + Int64(piece.count))
    }

    /// The last index whose element fulfils a condition that holds up to some index, the first included.
    private func last<T>(_ elements: [T], where holds: (T) -> Bool) -> Int {
        var (low, high) = (0, elements.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if holds(elements[middle]) { low = middle } else { high = middle }
        }
        return low
    }

    /// Names the file that holds them: the same ranges of the same blob are the same file after a restart.
    func identifier(of blob: Digest) -> Digest {
        let text = ranges.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
        return ContentHasher.digest(of: Array("\(blob) \(text)".utf8))
    }
}
