/// What a `Range` header asks for (RFC 9110, 14.2), against content of a known size.
enum ByteRange: Equatable {
    /// All of it: there is no range, it is not understood, or it is several, which a server may leave out of account.
    case whole
    case part(Range<Int64>)
    case unsatisfiable

    init(header: String?, size: Int64) {
        self = .whole
        guard let header, header.lowercased().hasPrefix("bytes=") else { return }
        let text = header.dropFirst(6).filter { $0 != " " && $0 != "\t" }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard !text.contains(","), parts.count == 2 else { return }
        let (first, last) = (Self.number(parts[0]), Self.number(parts[1]))
        if parts[0].isEmpty, let count = last {
            self = count > 0 && size > 0 ? .part(max(0, size - count)..<size) : .unsatisfiable
        } else if let first, parts[1].isEmpty || last != nil {
            let last = last ?? .max
            guard first <= last else { return }
            self = first < size ? .part(first..<min(size, last == .max ? .max : last + 1)) : .unsatisfiable
        }
    }

    /// Digits only; more than fit count as the largest number.
    static func number(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(text) ?? .max
    }
}

/// The `Content-Range` of a chunk: `first-last`, both included.
struct ChunkRange: Equatable {
    let first: Int64
    let count: Int64

    init?(header: String) {
        let parts = header.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = ByteRange.number(parts[0]), let last = ByteRange.number(parts[1]),
            first <= last, last < .max
        else { return nil }
        self.first = first
        count = last - first + 1
    }
}
