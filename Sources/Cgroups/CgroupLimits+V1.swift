extension CgroupLimits {
    /// The controllers of cgroup v1 that have a limit, in the order in which they are set.
    static let controllersV1 = [
        "memory", "cpu", "cpuset", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma", "devices",
    ]

    /// The values for `controller` in cgroup v1, in the order in which a new group takes them.
    ///
    /// - Parameter has: whether the group has a control file of that name; some have several names.
    func valuesV1(_ controller: String, has: (String) -> Bool = { _ in true }) throws(CgroupError) -> [ControlValue] {
        switch controller {
        case "memory": memoryV1
        case "cpu": cpuV1
        case "cpuset": cpuset
        case "pids": values(("pids.max", pids.map(Self.limit)))
        case "blkio": blockIOV1(has)
        case "hugetlb": hugetlb("limit_in_bytes")
        case "net_cls": values(("net_cls.classid", networkClassID.map { String($0) }))
        case "net_prio":
            networkPriorities.map { ControlValue(file: "net_prio.ifpriomap", value: "\($0.name) \($0.priority)") }
        case "rdma": rdmaValues
        case "devices": try devices.map { rules throws(CgroupError) in try DeviceList(rules).values } ?? []
        default: []
        }
    }

    private var memoryV1: [ControlValue] {
        var swap = memorySwapBytes.map { String($0) }
        var isOptional = false
        // As runc: all memory means all swap, too.
        if swap == nil, memoryBytes == -1 { (swap, isOptional) = ("-1", true) }
        // The kernel wants memory <= memory + swap at every moment: the smaller one first.
        let limits = values(
            ("memory.use_hierarchy", usesHierarchy.map { $0 ? "1" : "0" }),
            ("memory.limit_in_bytes", memoryBytes.map { String($0) }))
        let memsw = swap.map {
            [ControlValue(file: "memory.memsw.limit_in_bytes", value: $0, isOptional: isOptional || $0 == "-1")]
        }
        let kernel = values(
            ("memory.kmem.limit_in_bytes", kernelMemoryBytes.map { String($0) }),
            ("memory.kmem.tcp.limit_in_bytes", kernelTCPMemoryBytes.map { String($0) }))
        return limits + (memsw ?? [])
            + values(
                ("memory.soft_limit_in_bytes", memoryReservation.map { String($0) }),
                ("memory.swappiness", memorySwappiness.map { String($0) }),
                ("memory.oom_control", disablesOOMKiller.map { $0 ? "1" : "0" })
            )
            + kernel.map { ControlValue(file: $0.file, value: $0.value, isOptional: true) }
    }

    private var cpuV1: [ControlValue] {
        values(
            ("cpu.rt_period_us", cpuRealtimePeriodMicroseconds.map { String($0) }),
            ("cpu.rt_runtime_us", cpuRealtimeRuntimeMicroseconds.map { String($0) }),
            ("cpu.cfs_period_us", cpuPeriodMicroseconds.map { String($0) }),
            ("cpu.cfs_quota_us", cpuQuotaMicroseconds.map { String($0) }),
            ("cpu.cfs_burst_us", cpuBurstMicroseconds.map { String($0) }),
            ("cpu.shares", cpuShares.map { String($0) }),
            ("cpu.idle", cpuIdle.map { String($0) }))
    }

    /// Weights are BFQ's where the kernel no longer has those of CFQ.
    private func blockIOV1(_ has: (String) -> Bool) -> [ControlValue] {
        let weight = has("blkio.weight") ? "blkio.weight" : "blkio.bfq.weight"
        func rates(_ file: String, _ rates: [Rate]) -> [ControlValue] {
            rates.map { ControlValue(file: "blkio.throttle." + file, value: "\($0.major):\($0.minor) \($0.rate)") }
        }
        return values(
            (weight, blockIO.weight.map { String($0) }),
            ("blkio.leaf_weight", blockIO.leafWeight.map { String($0) }))
            + weights(weight + "_device") { $0.weight } + weights("blkio.leaf_weight_device") { $0.leafWeight }
            + rates("read_bps_device", blockIO.readBytes) + rates("write_bps_device", blockIO.writeBytes)
            + rates("read_iops_device", blockIO.readOperations) + rates("write_iops_device", blockIO.writeOperations)
    }

    private func weights(_ file: String, _ weight: (DeviceWeight) -> UInt16?) -> [ControlValue] {
        blockIO.deviceWeights.compactMap { device in
            weight(device).map {
                ControlValue(file: file, value: "\(device.major):\(device.minor) \($0)")
            }
        }
    }
}

// What both versions write alike.
extension CgroupLimits {
    static func limit(_ value: Int64) -> String { value < 0 ? "max" : String(value) }

    /// Leaves out what is nil.
    func values(_ pairs: (String, String?)...) -> [ControlValue] {
        pairs.compactMap { file, value in value.map { ControlValue(file: file, value: $0) } }
    }

    var cpuset: [ControlValue] { values(("cpuset.cpus", cpusetCpus), ("cpuset.mems", cpusetMems)) }

    /// Reservations are limited, too, where the kernel counts them (5.7): else a process dies when it touches what it
    /// reserved.
    func hugetlb(_ suffix: String) -> [ControlValue] {
        hugepages.flatMap { page in
            [
                ControlValue(file: "hugetlb.\(page.pageSize).\(suffix)", value: String(page.bytes)),
                ControlValue(
                    file: "hugetlb.\(page.pageSize).rsvd.\(suffix)", value: String(page.bytes), isOptional: true),
            ]
        }
    }

    var rdmaValues: [ControlValue] {
        rdma.map { limit in
            var value = limit.device
            if let handles = limit.handles { value += " hca_handle=\(handles)" }
            if let objects = limit.objects { value += " hca_object=\(objects)" }
            return ControlValue(file: "rdma.max", value: value)
        }
    }
}
