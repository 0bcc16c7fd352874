import Cgroups
import ContainerRuntime
import JSON
import Linux
import OCI

extension RuntimeCommandLine {
    private static let limits = [
        "memory", "memory-reservation", "memory-swap", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share",
        "cpu-rt-period",
        "cpu-rt-runtime", "cpuset-cpus", "cpuset-mems", "cpu-idle", "pids-limit", "blkio-weight", "kernel-memory",
        "kernel-memory-tcp", "l3-cache-schema", "mem-bw-schema",
    ]

    func update(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(
            &rest, RuntimeArguments.Grammar(values: [["resources", "r"]] + Self.limits.map { [$0] }))
        let id = try identifier(arguments)
        guard try runtime.state(id).status != .stopped else {
            throw RuntimeError(.invalidState, "container \(id) is not running")
        }
        var resources = RuntimeSpec.Resources()
        if let path = arguments["resources"] {
            let bytes = path == "-" ? try Files.readToEnd(0, limit: 4 << 20) : try Files.read(path, limit: 4 << 20)
            resources = try JSONValue(parsing: bytes).decode()
        }
        try Self.change(&resources, arguments)
        try runtime.update(id, resources)
        return 0
    }

    private static func change(_ resources: inout RuntimeSpec.Resources, _ arguments: RuntimeArguments) throws {
        if ["memory", "memory-reservation", "memory-swap"].contains(where: { arguments[$0] != nil }) {
            var memory = resources.memory ?? RuntimeSpec.Resources.Memory()
            memory.limit = try arguments.bytes("memory") ?? memory.limit
            memory.reservation = try arguments.bytes("memory-reservation") ?? memory.reservation
            memory.swap = try arguments.bytes("memory-swap") ?? memory.swap
            resources.memory = memory
        }
        if limits.contains(where: { $0.hasPrefix("cpu") && arguments[$0] != nil }) {
            var cpu = resources.cpu ?? RuntimeSpec.Resources.CPU()
            cpu.period = try arguments.number("cpu-period") ?? cpu.period
            cpu.quota = try arguments.number("cpu-quota") ?? cpu.quota
            cpu.burst = try arguments.number("cpu-burst") ?? cpu.burst
            cpu.shares = try arguments.number("cpu-share") ?? cpu.shares
            cpu.realtimePeriod = try arguments.number("cpu-rt-period") ?? cpu.realtimePeriod
            cpu.realtimeRuntime = try arguments.number("cpu-rt-runtime") ?? cpu.realtimeRuntime
            cpu.cpus = arguments["cpuset-cpus"] ?? cpu.cpus
            cpu.mems = arguments["cpuset-mems"] ?? cpu.mems
            cpu.idle = try arguments.number("cpu-idle") ?? cpu.idle
            resources.cpu = cpu
        }
        if let limit: Int64 = try arguments.number("pids-limit") {
            resources.pids = RuntimeSpec.Resources.PIDs(limit: limit)
        }
        if let weight: UInt16 = try arguments.number("blkio-weight") {
            var blockIO = resources.blockIO ?? RuntimeSpec.Resources.BlockIO()
            blockIO.weight = weight
            resources.blockIO = blockIO
        }
        for name in ["l3-cache-schema", "mem-bw-schema"] where arguments[name] != nil {
            throw RuntimeError(.unsupported, "--\(name): Intel RDT is not supported by this runtime")
        }
    }

    func events(_ rest: inout ArraySlice<String>) throws -> Int32 {
        let arguments = try RuntimeArguments(
            &rest, RuntimeArguments.Grammar(flags: [["stats"]], values: [["interval"]]))
        let id = try identifier(arguments)
        guard try runtime.state(id).status != .stopped else {
            throw RuntimeError(.invalidState, "container \(id) is not running")
        }
        let cgroup = try runtime.cgroup(of: id)
        guard !arguments.has("stats") else {
            try Self.printEvent("stats", id, try cgroup.statistics().json)
            return 0
        }
        let seconds = try Self.seconds(arguments["interval"] ?? "5s")
        var kills = (try? cgroup.oomKillCount()) ?? 0
        // Until it is stopped, or its cgroup has gone.
        while try runtime.state(id).status != .stopped {
            try Self.printEvent("stats", id, try cgroup.statistics().json)
            let now = (try? cgroup.oomKillCount()) ?? kills
            if now > kills { try Self.printEvent("oom", id, nil) }
            kills = now
            sleep(seconds)
        }
        return 0
    }

    private static func seconds(_ text: String) throws -> UInt32 {
        let digits = text.hasSuffix("s") ? String(text.dropLast()) : text
        guard let seconds = UInt32(digits), seconds > 0 else {
            throw RuntimeArguments.UsageError(description: "--interval is a number of seconds such as 5s")
        }
        return seconds
    }

    private static func printEvent(_ type: String, _ id: String, _ data: JSONValue?) throws {
        var event: JSONValue = ["type": .string(type), "id": .string(id)]
        if let data { event["data"] = data }
        try Files.writeAll(1, event.serialized() + [UInt8(ascii: "\n")])
    }
}

// The figures in the form that runc's users read.
extension CgroupStatistics {
    fileprivate var json: JSONValue {
        var value: JSONValue = [:]
        value["cpu"] = cpu?.json
        value["cpuset"] = cpuset.map { ["cpus": Self.list($0.cpus), "mems": Self.list($0.mems)] }
        value["memory"] = memory?.json
        value["pids"] = pids.map { ["current": .count($0.current), "limit": .count($0.limit)] }
        value["blkio"] = blockIO?.json ?? [:]
        value["hugetlb"] = .object(
            hugetlb.mapValues { ["usage": .count($0.usage), "max": .count($0.max), "failcnt": .count($0.failures)] })
        if !rdma.isEmpty {
            value["rdma"] = .object(
                rdma.mapValues { ["hcaHandles": .count($0.handles), "hcaObjects": .count($0.objects)] })
        }
        value["intel_rdt"] = [:]
        value["network_interfaces"] = .null
        return value
    }

    fileprivate static func list(_ values: [some BinaryInteger]) -> JSONValue {
        .array(values.map { .count($0) })
    }
}

extension CgroupStatistics.CPU {
    fileprivate var json: JSONValue {
        var usage: JSONValue = ["total": .count(total), "kernel": .count(kernel), "user": .count(user)]
        if !perCPU.isEmpty {
            usage["percpu"] = CgroupStatistics.list(perCPU)
            usage["percpu_kernel"] = CgroupStatistics.list(perCPUKernel)
            usage["percpu_user"] = CgroupStatistics.list(perCPUUser)
        }
        var value: JSONValue = [
            "usage": usage,
            "throttling": [
                "periods": .count(periods), "throttledPeriods": .count(throttledPeriods),
                "throttledTime": .count(throttledTime),
            ],
        ]
        value["psi"] = pressure?.json
        return value
    }
}

extension CgroupStatistics.Memory {
    fileprivate var json: JSONValue {
        var value: JSONValue = [
            "cache": .count(cache), "usage": usage.json, "raw": .object(raw.mapValues { .count($0) }),
        ]
        value["swap"] = swap?.json
        value["kernel"] = kernel?.json
        value["kernelTCP"] = kernelTCP?.json
        value["psi"] = pressure?.json
        return value
    }
}

extension CgroupStatistics.Counter {
    fileprivate var json: JSONValue {
        ["usage": .count(usage), "max": .count(max), "failcnt": .count(failures), "limit": .count(limit)]
    }
}

extension CgroupStatistics.BlockIO {
    fileprivate var json: JSONValue {
        func entries(_ list: [CgroupStatistics.BlockIOEntry]) -> JSONValue {
            .array(
                list.map {
                    [
                        "major": .count($0.major), "minor": .count($0.minor), "op": .string($0.operation),
                        "value": .count($0.value),
                    ]
                })
        }
        var value: JSONValue = [
            "ioServiceBytesRecursive": entries(serviceBytes), "ioServicedRecursive": entries(serviced),
            "ioQueueRecursive": entries(queued), "ioServiceTimeRecursive": entries(serviceTime),
            "ioWaitTimeRecursive": entries(waitTime), "ioMergedRecursive": entries(merged),
            "ioTimeRecursive": entries(time), "sectorsRecursive": entries(sectors),
        ]
        value["psi"] = pressure?.json
        return value
    }
}

extension CgroupStatistics.Pressure {
    fileprivate var json: JSONValue { ["some": some.json, "full": full.json] }
}

extension CgroupStatistics.Pressure.Line {
    fileprivate var json: JSONValue {
        [
            "avg10": .number(average10), "avg60": .number(average60), "avg300": .number(average300),
            "total": .count(total),
        ]
    }
}

extension JSONValue {
    /// Figures past what JSON integers of ours hold are the kernel's "no limit".
    fileprivate static func count(_ value: some BinaryInteger) -> JSONValue { .integer(Int64(clamping: value)) }
}
