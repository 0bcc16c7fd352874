/// What both versions write alike.
enum StatisticsParts {
    static func pids(_ directory: String?) -> CgroupStatistics.PIDs? {
        guard let directory, let current = ControlFile.unsigned(directory + "/pids.current") else { return nil }
        var pids = CgroupStatistics.PIDs()
        pids.current = current
        let limit = ControlFile.unsigned(directory + "/pids.max") ?? .max
        pids.limit = limit == .max ? 0 : limit
        return pids
    }

    /// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same for `full`; nil where the kernel does not tell.
    static func pressure(_ text: String?) -> CgroupStatistics.Pressure? {
        guard let text else { return nil }
        var pressure = CgroupStatistics.Pressure()
        for fields in ControlFile.fields(text) {
            var line = CgroupStatistics.Pressure.Line()
            for field in fields.dropFirst() {
                let pair = field.utf8.split(separator: UInt8(ascii: "="))
                guard pair.count == 2 else { continue }
                let value = Substring(pair[1])
                switch String(Substring(pair[0])) {
                case "avg10": line.average10 = Double(value) ?? 0
                case "avg60": line.average60 = Double(value) ?? 0
                case "avg300": line.average300 = Double(value) ?? 0
                case "total": line.total = UInt64(value) ?? 0
                default: break
                }
            }
            if fields.first == "some" { pressure.some = line } else if fields.first == "full" { pressure.full = line }
        }
        return pressure
    }

    /// `8:0 Read 42`, `8:0 42`; the sum over all devices, `Total 42`, is left out.
    static func blockIO(_ text: String) -> [CgroupStatistics.BlockIOEntry] {
        ControlFile.fields(text).compactMap { fields in
            guard fields.count == 2 || fields.count == 3, let device = device(fields[0]),
                let value = fields.last.flatMap({ UInt64($0) })
            else { return nil }
            return CgroupStatistics.BlockIOEntry(
                major: device.major, minor: device.minor, operation: fields.count == 3 ? String(fields[1]) : "",
                value: value)
        }
    }

    static func device(_ text: Substring) -> (major: UInt64, minor: UInt64)? {
        let numbers = text.utf8.split(separator: UInt8(ascii: ":"))
        guard numbers.count == 2, let major = UInt64(Substring(numbers[0])), let minor = UInt64(Substring(numbers[1]))
        else { return nil }
        return (major, minor)
    }

    /// `0-2,7`
    static func list(_ text: String) -> [UInt16] {
        text.utf8.split(separator: UInt8(ascii: ",")).flatMap { part -> [UInt16] in
            let ends = part.split(separator: UInt8(ascii: "-")).compactMap { UInt16(Substring($0)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    /// Page sizes are those that the group has files for. Reservations include what is used, so they count where the
    /// kernel has them (5.7).
    static func hugetlb(
        _ directory: String, usage: String, _ more: (String, inout CgroupStatistics.Hugetlb) -> Void
    ) -> [String: CgroupStatistics.Hugetlb] {
        var result: [String: CgroupStatistics.Hugetlb] = [:]
        for size in pageSizes {
            let page = directory + "/hugetlb." + size
            for prefix in [page + ".rsvd", page] {
                guard let usage = ControlFile.unsigned("\(prefix).\(usage)") else { continue }
                var entry = CgroupStatistics.Hugetlb()
                entry.usage = usage
                more(prefix, &entry)
                result[size] = entry
                break
            }
        }
        return result
    }

    /// `hugepages-2048kB` is `2MB` in the names of control files.
    static var pageSizes: [String] {
        ControlFile.children("/sys/kernel/mm/hugepages").compactMap { name in
            guard name.hasPrefix("hugepages-"), name.hasSuffix("kB") else { return nil }
            guard let kilobytes = UInt64(name.dropFirst(10).dropLast(2)) else { return nil }
            if kilobytes >= 1 << 20 { return "\(kilobytes >> 20)GB" }
            return kilobytes >= 1 << 10 ? "\(kilobytes >> 10)MB" : "\(kilobytes)KB"
        }
    }

    static func rdma(_ directory: String) -> [String: CgroupStatistics.RDMA] {
        var result: [String: CgroupStatistics.RDMA] = [:]
        for (file, isLimit) in [("rdma.current", false), ("rdma.max", true)] {
            guard let text = ControlFile.read(directory + "/" + file) else { continue }
            rdma(text, isLimit: isLimit, into: &result)
        }
        return result
    }

    /// `mlx4_0 hca_handle=2 hca_object=max`
    static func rdma(_ text: String, isLimit: Bool, into result: inout [String: CgroupStatistics.RDMA]) {
        for fields in ControlFile.fields(text) {
            guard let device = fields.first.map({ String($0) }) else { continue }
            var entry = result[device] ?? CgroupStatistics.RDMA()
            for field in fields.dropFirst() {
                let pair = field.utf8.split(separator: UInt8(ascii: "="))
                guard pair.count == 2 else { continue }
                let text = String(Substring(pair[1]))
                let value = text == "max" ? UInt64.max : UInt64(text) ?? 0
                switch (String(Substring(pair[0])), isLimit) {
                case ("hca_handle", false): entry.handles = value
                case ("hca_object", false): entry.objects = value
                case ("hca_handle", true): entry.handleLimit = value
                case ("hca_object", true): entry.objectLimit = value
                default: break
                }
            }
            result[device] = entry
        }
    }
}
