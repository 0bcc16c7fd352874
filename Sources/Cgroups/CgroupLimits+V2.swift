import Linux

extension CgroupLimits {
    /// The controllers of cgroup v2 that have a limit, in the order in which they are set.
    static let controllersV2 = ["memory", "cpu", "cpuset", "pids", "io", "hugetlb", "rdma"]

    /// The values for `controller` in cgroup v2 (kernel document cgroup-v2, interface files).
    ///
    /// - Parameter has: whether the group has a control file of that name; some have several names.
    func valuesV2(_ controller: String, has: (String) -> Bool = { _ in true }) throws(CgroupError) -> [ControlValue] {
        switch controller {
        case "memory": try memoryV2
        case "cpu": cpuV2
        case "cpuset": cpuset
        case "pids": values(("pids.max", pids.map(Self.limit)))
        case "io": blockIOV2(has)
        case "hugetlb": hugetlb("max")
        case "rdma": rdmaValues
        default: []
        }
    }

    /// Limits of cgroup v1 that v2 has nothing for. What stands for the kernel's normal behaviour asks for nothing.
    var valuesWithoutV2: [ControlValue] {
        values(
            ("memory.swappiness", memorySwappiness.map { String($0) }),
            ("memory.oom_control", disablesOOMKiller == true ? "1" : nil),
            ("memory.use_hierarchy", usesHierarchy == false ? "0" : nil),
            ("cpu.rt_period_us", cpuRealtimePeriodMicroseconds.map { String($0) }),
            ("cpu.rt_runtime_us", cpuRealtimeRuntimeMicroseconds.map { String($0) }),
            ("blkio.leaf_weight", blockIO.leafWeight.map { String($0) }),
            (
                "blkio.leaf_weight_device",
                blockIO.deviceWeights.first { $0.leafWeight != nil }.map { "\($0.major):\($0.minor)" }
            ))
    }

    private var memoryV2: [ControlValue] {
        get throws(CgroupError) {
            let swap = try swapOnly
            return values(("memory.max", memoryBytes.map(Self.limit)), ("memory.swap.max", swap)).map { value in
                // Without swap there is nothing to lift or forbid.
                value.file == "memory.swap.max" && (swap == "max" || swap == "0")
                    ? ControlValue(file: value.file, value: value.value, isOptional: true) : value
            } + values(("memory.low", memoryReservation.map(Self.limit)))
        }
    }

    /// v2 counts swap alone, OCI the sum of memory and swap.
    private var swapOnly: String? {
        get throws(CgroupError) {
            guard let memorySwapBytes else { return memoryBytes == -1 ? "max" : nil }
            guard memorySwapBytes >= 0 else { return "max" }
            guard let memoryBytes else {
                throw CgroupError(
                    .refused,
                    "cannot set memory.swap.max from memory + swap \(memorySwapBytes): it needs the memory limit, too")
            }
            guard memoryBytes >= 0 else { return String(memorySwapBytes) }
            guard memorySwapBytes >= memoryBytes else {
                throw CgroupError(
                    .refused,
                    "cannot set memory.swap.max: memory + swap \(memorySwapBytes) is less than memory \(memoryBytes)")
            }
            return String(memorySwapBytes - memoryBytes)
        }
    }

    private var cpuV2: [ControlValue] {
        var bandwidth: String?
        if cpuQuotaMicroseconds != nil || cpuPeriodMicroseconds != nil {
            bandwidth = "\(Self.limit(cpuQuotaMicroseconds ?? -1)) \(cpuPeriodMicroseconds ?? 100_000)"
        }
        return values(
            ("cpu.max", bandwidth), ("cpu.max.burst", cpuBurstMicroseconds.map { String($0) }),
            ("cpu.weight", cpuShares.map { String(Self.weight(fromShares: $0)) }),
            ("cpu.idle", cpuIdle.map { String($0) }))
    }

    /// BFQ's weights are OCI's own; those of the io controller have another range.
    private func blockIOV2(_ has: (String) -> Bool) -> [ControlValue] {
        let isBFQ = has("io.bfq.weight")
        let file = isBFQ ? "io.bfq.weight" : "io.weight"
        func weight(_ weight: UInt16) -> String { String(isBFQ ? UInt64(weight) : Self.ioWeight(fromBlockIO: weight)) }
        let devices = blockIO.deviceWeights.compactMap { device in
            device.weight.map { ControlValue(file: file, value: "\(device.major):\(device.minor) \(weight($0))") }
        }
        func rates(_ key: String, _ rates: [Rate]) -> [ControlValue] {
            rates.map { rate in
                let value = rate.rate == 0 ? "max" : String(rate.rate)
                return ControlValue(file: "io.max", value: "\(rate.major):\(rate.minor) \(key)=\(value)")
            }
        }
        return values((file, blockIO.weight.map(weight))) + devices
            + rates("rbps", blockIO.readBytes) + rates("wbps", blockIO.writeBytes)
            + rates("riops", blockIO.readOperations) + rates("wiops", blockIO.writeOperations)
    }

    /// Maps shares (2…262144, default 1024) to a weight (1…10000, default 100) so that the defaults and both ends meet,
    /// as runc 1.3 and Kubernetes 1.34 do (kubernetes/enhancements 2254).
    static func weight(fromShares shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let power = log2(Double(shares))
        let exponent = (power * power + 125 * power) / 612 - 7.0 / 34
        return UInt64(ceil(pow(10, exponent)))
    }

    /// Maps a weight of v1 (10…1000) to one of the io controller (1…10000), as runc and crun do.
    static func ioWeight(fromBlockIO weight: UInt16) -> UInt64 {
        1 + (UInt64(max(weight, 10)) - 10) * 9999 / 990
    }
}
