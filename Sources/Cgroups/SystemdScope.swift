public import Linux

/// A container's group as systemd makes it: a transient scope unit, whose processes systemd does not start itself.
///
/// For machines whose groups belong to systemd (cgroup v2): what another program made there, or a limit that systemd does
/// not know of, would be undone by it. Everything that systemd has no property for is written to the group itself.
public struct SystemdScope: Sendable, Hashable {
    /// Such as `system.slice`.
    public let slice: String
    /// Such as `docker-0123.scope`.
    public let name: String

    public init(slice: String, name: String) {
        self.slice = slice
        self.name = name
    }

    /// - Parameter text: `slice:prefix:name`, as engines give `cgroupsPath` to a runtime that uses systemd.
    public init(cgroupsPath text: String) throws(CgroupError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, !parts[2].isEmpty, !text.contains("/") else {
            throw CgroupError(
                .invalidPath,
                "cgroupsPath \"\(text)\" is not of the form slice:prefix:name, which systemd cgroups have")
        }
        guard !parts[2].hasSuffix(".slice") else {
            throw CgroupError(.invalidPath, "cgroupsPath \"\(text)\": a container is a scope of systemd's, not a slice")
        }
        slice = parts[0].isEmpty ? "system.slice" : parts[0]
        name = (parts[1].isEmpty ? parts[2] : "\(parts[1])-\(parts[2])") + ".scope"
        guard Self.directory(of: slice) != nil else {
            throw CgroupError(.invalidPath, "cgroupsPath \"\(text)\": \"\(slice)\" is not the name of a slice")
        }
    }

    /// The group below the hierarchy's root.
    public var path: String { "\(Self.directory(of: slice) ?? "")/\(name)" }

    /// `a-b.slice` lies in `a.slice`; `-.slice` is the root.
    private static func directory(of slice: String) -> String? {
        guard slice.hasSuffix(".slice") else { return nil }
        if slice == "-.slice" { return "" }
        var directory = ""
        var name = ""
        for part in slice.dropLast(6).split(separator: "-", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { return nil }
            name += name.isEmpty ? part : "-\(part)"
            directory += "/\(name).slice"
        }
        return directory
    }

    /// Has systemd make the group, with a process in it, and gives it its limits. It need not be told of the end: a scope
    /// goes when its last process has ended.
    public func start(_ pid: pid_t, limits: CgroupLimits) throws(CgroupError) {
        guard try CgroupMounts.read().layout == .v2 else {
            throw CgroupError(
                .refused, "systemd cgroups need cgroup v2 alone; use cgroupfs (\"native.cgroupdriver=cgroupfs\") here")
        }
        var bus = try SystemdBus()
        let properties: [(String, SystemdBus.Value)] = [
            ("Description", .string("container \(name)")), ("Slice", .string(slice)), ("Delegate", .boolean(true)),
            ("PIDs", .processes([pid])), ("DefaultDependencies", .boolean(false)),
            ("CollectMode", .string("inactive-or-failed")), ("MemoryAccounting", .boolean(true)),
            ("CPUAccounting", .boolean(true)), ("TasksAccounting", .boolean(true)), ("IOAccounting", .boolean(true)),
        ]
        let arguments: [SystemdBus.Value] = [
            .string(name), .string("replace"), .properties(properties + Self.properties(limits)), .noUnits,
        ]
        try bus.start(arguments, unit: name)
        try Cgroup(existing: path).update(limits)
    }

    /// Changes limits; those that are nil stay as they are.
    public func update(_ limits: CgroupLimits) throws(CgroupError) {
        let properties = Self.properties(limits)
        if !properties.isEmpty {
            var bus = try SystemdBus()
            try bus.call(
                "SetUnitProperties", [.string(name), .boolean(true), .properties(properties)], about: name)
        }
        try Cgroup(existing: path).update(limits)
    }

    /// What systemd would otherwise reset when it reads its configuration again.
    private static func properties(_ limits: CgroupLimits) -> [(String, SystemdBus.Value)] {
        var properties: [(String, SystemdBus.Value)] = []
        func add(_ name: String, _ value: Int64?) {
            guard let value else { return }
            properties.append((name, .number(value < 0 ? .max : UInt64(value))))
        }
        add("MemoryMax", limits.memoryBytes)
        add("MemoryLow", limits.memoryReservation)
        if let swap = limits.memorySwapBytes {
            add("MemorySwapMax", swap < 0 ? -1 : max(0, swap - (limits.memoryBytes ?? 0)))
        }
        add("TasksMax", limits.pids)
        if let shares = limits.cpuShares, shares > 0 {
            properties.append(("CPUWeight", .number(CgroupLimits.weight(fromShares: shares))))
        }
        if let quota = limits.cpuQuotaMicroseconds {
            let period = limits.cpuPeriodMicroseconds ?? 100_000
            properties.append(("CPUQuotaPeriodUSec", .number(period)))
            // In microseconds of CPU time for each second, in steps of a hundredth.
            let isLimited = quota > 0 && period > 0
            let perSecond = isLimited ? (UInt64(quota) * 1_000_000 / period + 9_999) / 10_000 * 10_000 : .max
            properties.append(("CPUQuotaPerSecUSec", .number(perSecond)))
        }
        for (name, list) in [("AllowedCPUs", limits.cpusetCpus), ("AllowedMemoryNodes", limits.cpusetMems)] {
            if let mask = list.flatMap(mask) { properties.append((name, .bytes(mask))) }
        }
        return properties
    }

    /// "0-2,9" as bits, the lowest first; nil for what is no such list: the kernel says so when it is written.
    private static func mask(_ list: String) -> [UInt8]? {
        var mask: [UInt8] = []
        for range in list.split(separator: ",") {
            let ends = range.split(separator: "-").map { Int($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last,
                first >= 0, last < 8192
            else { return nil }
            for number in first...last {
                while mask.count <= number / 8 { mask.append(0) }
                mask[number / 8] |= 1 << UInt8(number % 8)
            }
        }
        return mask.isEmpty ? nil : mask
    }
}
