internal import JSON
internal import Linux

/// What a power cut or a full disk makes of the last line.
extension AuditLog {
    private static let newline = UInt8(ascii: "\n")

    /// Sees to it that the next record begins a line. A torn one is cut off, with the zero bytes of a file that became longer before its
    /// content came; a record that only lacks its end gets it.
    ///
    /// Cut off and not just ended: `jq` stops at the first line that is no JSON. No whole line is touched, and nothing is written twice.
    ///
    /// - Returns: the file's size afterwards.
    func endLastLine(_ descriptor: Int32, size: Int) throws(SystemError) -> Int {
        let rest = try rest(descriptor, size: size)
        guard !rest.isEmpty else { return size }
        let record = rest.prefix { $0 != 0 }
        let isWhole = (try? JSONValue(parsing: Array(record)))?.objectValue != nil
        let kept = size - rest.count + (isWhole ? record.count : 0)
        try systemCall("ftruncate", on: path) { ftruncate(descriptor, off_t(kept)) }
        guard isWhole else { return kept }
        try Files.writeAll(descriptor, [Self.newline])
        return kept + 1
    }

    /// What follows the last newline; read from behind, as it is short or not there.
    private func rest(_ descriptor: Int32, size: Int) throws(SystemError) -> [UInt8] {
        var rest: [UInt8] = []
        var start = size
        while start > 0 {
            let length = min(start, 4_096)
            start -= length
            var block = [UInt8](repeating: 0, count: length)
            try systemCall("pread", on: path) { pread(descriptor, &block, length, off_t(start)) }
            if let last = block.lastIndex(of: Self.newline) { return block[(last + 1)...] + rest }
            rest = block + rest
        }
        return rest
    }
}
