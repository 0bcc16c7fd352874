import Linux

/// CPUs as the kernel lists them: `0-2,7`.
enum CPUAffinity {
    /// Binds the calling process; nil and "" leave it as it is.
    static func apply(_ list: String?) throws(RuntimeError) {
        guard let list, !list.isEmpty else { return }
        guard let mask = mask(list) else {
            throw RuntimeError(.invalidSpec, "process.execCPUAffinity \"\(list)\" is not a list of CPUs")
        }
        try stage("bind to CPUs \(list)") {
            try systemCall("sched_setaffinity") { wherry_sched_setaffinity(mask, mask.count) }
        }
    }

    /// The bits of a list; nil when it is none.
    static func mask(_ list: String) -> [UInt8]? {
        var mask = [UInt8](repeating: 0, count: 1024)
        for part in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map {
                Int(String(Substring($0)))
            }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first >= 0,
                first <= last, last < mask.count * 8
            else { return nil }
            for bit in first...last { mask[bit / 8] |= 1 << UInt8(bit % 8) }
        }
        return mask
    }
}
