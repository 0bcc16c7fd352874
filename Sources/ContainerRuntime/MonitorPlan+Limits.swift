import Cgroups
import JSON
import OCI

// From the specification's resources to the limits of a cgroup. Both speak the same units, so this checks, and takes
// away what stands for "not set": engines write 0 for many a limit that they have not got.
extension MonitorPlan {
    /// The limits of a new container.
    static func limits(_ spec: RuntimeSpec) throws(RuntimeError) -> CgroupLimits {
        var limits = try limits(resources: spec.linux.resources ?? RuntimeSpec.Resources())
        guard limits.devices == nil else { return limits }
        // Nobody asked for rules: the container gets the default devices and those it is given, where they can be
        // enforced.
        limits.devices =
            DeviceRule.containerDefaults
            + spec.linux.devices.filter { $0.type != "p" }.map {
                DeviceRule(kind: $0.type == "b" ? .block : .character, major: $0.major, minor: $0.minor)
            }
        limits.devicesAreOptional = true
        return limits
    }

    /// The limits that `resources` names, for a new container or one that is updated; the rest is nil.
    ///
    /// Device rules hold in their order and after a rule that denies everything. The default devices stay allowed.
    /// - Throws: `.invalidSpec` that names the member.
    static func limits(resources: RuntimeSpec.Resources) throws(RuntimeError) -> CgroupLimits {
        var limits = CgroupLimits()
        if let memory = resources.memory { try fill(&limits, memory) }
        if let cpu = resources.cpu { try fill(&limits, cpu) }
        // 0 is a limit here; every negative number is none.
        limits.pids = resources.pids.map { max(-1, $0.limit) }
        if let blockIO = resources.blockIO { try fill(&limits, blockIO) }
        for page in resources.hugepageLimits ?? [] {
            guard isPageSize(page.pageSize) else {
                throw invalid("hugepageLimits.pageSize", "\"\(page.pageSize)\" is not a size such as 2MB")
            }
            limits.hugepages.append(CgroupLimits.HugepageLimit(pageSize: page.pageSize, bytes: page.limit))
        }
        if let network = resources.network { try fill(&limits, network) }
        for (device, limit) in (resources.rdma ?? [:]).sorted(by: { $0.key < $1.key }) {
            try checkWord(device, "rdma")
            guard limit.hcaHandles != nil || limit.hcaObjects != nil else {
                throw invalid("rdma", "\(device) has neither hcaHandles nor hcaObjects")
            }
            limits.rdma.append(
                CgroupLimits.RDMALimit(device: device, handles: limit.hcaHandles, objects: limit.hcaObjects))
        }
        for name in (resources.unified ?? [:]).keys.sorted() where !isControlFile(name) {
            throw invalid("unified", "\"\(name)\" is not the name of a file in a cgroup, such as memory.high")
        }
        limits.unified = resources.unified ?? [:]
        if let rules = resources.devices {
            var devices: [DeviceRule] = []
            for (index, rule) in rules.enumerated() { devices.append(try deviceRule(rule, index)) }
            limits.devices = devices + DeviceRule.containerDefaults
        }
        return limits
    }

    private static func fill(
        _ limits: inout CgroupLimits, _ memory: RuntimeSpec.Resources.Memory
    ) throws(RuntimeError) {
        func bytes(_ name: String, _ value: Int64?) throws(RuntimeError) -> Int64? {
            guard let value, value != 0 else { return nil }
            guard value >= -1 else { throw invalid("memory.\(name)", "\(value) is neither bytes nor -1") }
            return value
        }
        limits.memoryBytes = try bytes("limit", memory.limit)
        limits.memorySwapBytes = try bytes("swap", memory.swap)
        if let limit = limits.memoryBytes, let swap = limits.memorySwapBytes, limit > 0, swap > 0, swap < limit {
            throw invalid("memory.swap", "\(swap) is memory and swap together and cannot be below the limit \(limit)")
        }
        limits.memoryReservation = try bytes("reservation", memory.reservation)
        limits.kernelMemoryBytes = try bytes("kernel", memory.kernel)
        limits.kernelTCPMemoryBytes = try bytes("kernelTCP", memory.kernelTCP)
        if let swappiness = memory.swappiness, swappiness > 100 {
            throw invalid("memory.swappiness", "\(swappiness) is not between 0 and 100")
        }
        limits.memorySwappiness = memory.swappiness
        limits.disablesOOMKiller = memory.disableOOMKiller
        limits.usesHierarchy = memory.useHierarchy
        limits.checksMemoryBeforeUpdate = memory.checkBeforeUpdate ?? false
    }

    private static func fill(_ limits: inout CgroupLimits, _ cpu: RuntimeSpec.Resources.CPU) throws(RuntimeError) {
        if let shares = cpu.shares, shares != 0 {
            guard (2...262_144).contains(shares) else {
                throw invalid("cpu.shares", "\(shares) is not between 2 and 262144")
            }
            limits.cpuShares = shares
        }
        limits.cpuQuotaMicroseconds = cpu.quota.flatMap { $0 == 0 ? nil : max(-1, $0) }
        limits.cpuPeriodMicroseconds = cpu.period.flatMap { $0 == 0 ? nil : $0 }
        if let burst = cpu.burst, let quota = limits.cpuQuotaMicroseconds, quota > 0, burst > UInt64(quota) {
            throw invalid("cpu.burst", "\(burst) is more than the quota \(quota)")
        }
        limits.cpuBurstMicroseconds = cpu.burst
        limits.cpuRealtimeRuntimeMicroseconds = cpu.realtimeRuntime.flatMap { $0 == 0 ? nil : $0 }
        limits.cpuRealtimePeriodMicroseconds = cpu.realtimePeriod.flatMap { $0 == 0 ? nil : $0 }
        limits.cpuIdle = cpu.idle
        limits.cpusetCpus = try list("cpu.cpus", cpu.cpus)
        limits.cpusetMems = try list("cpu.mems", cpu.mems)
    }

    private static func list(_ name: String, _ value: String?) throws(RuntimeError) -> String? {
        guard let value, !value.isEmpty else { return nil }
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard value.utf8.allSatisfy({ digits.contains($0) || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "-") })
        else { throw invalid(name, "\"\(value)\" is not a list such as 0-2,7") }
        return value
    }

    private static func fill(
        _ limits: inout CgroupLimits, _ blockIO: RuntimeSpec.Resources.BlockIO
    ) throws(RuntimeError) {
        func weight(_ name: String, _ value: UInt16?) throws(RuntimeError) -> UInt16? {
            guard let value, value != 0 else { return nil }
            guard (10...1000).contains(value) else {
                throw invalid("blockIO.\(name)", "\(value) is not between 10 and 1000")
            }
            return value
        }
        func number(_ name: String, _ value: Int64) throws(RuntimeError) -> UInt32 {
            guard let number = UInt32(exactly: value) else {
                throw invalid("blockIO.\(name)", "\(value) is not a device's number")
            }
            return number
        }
        func rates(
            _ name: String, _ devices: [RuntimeSpec.Resources.ThrottleDevice]?
        ) throws(RuntimeError) -> [CgroupLimits.Rate] {
            var rates: [CgroupLimits.Rate] = []
            for device in devices ?? [] {
                rates.append(
                    CgroupLimits.Rate(
                        major: try number(name, device.major), minor: try number(name, device.minor),
                        rate: device.rate))
            }
            return rates
        }
        limits.blockIO.weight = try weight("weight", blockIO.weight)
        limits.blockIO.leafWeight = try weight("leafWeight", blockIO.leafWeight)
        for device in blockIO.weightDevice ?? [] {
            let entry = CgroupLimits.DeviceWeight(
                major: try number("weightDevice", device.major), minor: try number("weightDevice", device.minor),
                weight: try weight("weightDevice", device.weight),
                leafWeight: try weight("weightDevice", device.leafWeight))
            guard entry.weight != nil || entry.leafWeight != nil else {
                throw invalid("blockIO.weightDevice", "\(device.major):\(device.minor) has no weight")
            }
            limits.blockIO.deviceWeights.append(entry)
        }
        limits.blockIO.readBytes = try rates("throttleReadBpsDevice", blockIO.throttleReadBpsDevice)
        limits.blockIO.writeBytes = try rates("throttleWriteBpsDevice", blockIO.throttleWriteBpsDevice)
        limits.blockIO.readOperations = try rates("throttleReadIOPSDevice", blockIO.throttleReadIOPSDevice)
        limits.blockIO.writeOperations = try rates("throttleWriteIOPSDevice", blockIO.throttleWriteIOPSDevice)
    }

    private static func fill(
        _ limits: inout CgroupLimits, _ network: RuntimeSpec.Resources.Network
    ) throws(RuntimeError) {
        limits.networkClassID = network.classID.flatMap { $0 == 0 ? nil : $0 }
        for entry in network.priorities ?? [] {
            try checkWord(entry.name, "network.priorities")
            limits.networkPriorities.append(
                CgroupLimits.InterfacePriority(name: entry.name, priority: entry.priority))
        }
    }

    private static func deviceRule(
        _ rule: RuntimeSpec.Resources.DeviceRule, _ index: Int
    ) throws(RuntimeError) -> DeviceRule {
        let member = "devices[\(index)]"
        guard let kind = DeviceRule.Kind(rawValue: rule.type ?? "a") else {
            throw invalid(member + ".type", "\"\(rule.type ?? "")\" is not a, b or c")
        }
        let access = rule.access ?? "rwm"
        guard !access.isEmpty, access.utf8.allSatisfy("rwm".utf8.contains) else {
            throw invalid(member + ".access", "\"\(access)\" is not made of r, w and m")
        }
        func number(_ name: String, _ value: Int64?) throws(RuntimeError) -> UInt32? {
            guard let value, value != -1 else { return nil }
            guard let number = UInt32(exactly: value) else {
                throw invalid("\(member).\(name)", "\(value) is not a device's number, and -1 is all")
            }
            return number
        }
        return DeviceRule(
            isAllowed: rule.allow, kind: kind, major: try number("major", rule.major),
            minor: try number("minor", rule.minor), access: access)
    }

    /// A number without leading zero and KB, MB or GB, as in the names of the kernel's files.
    private static func isPageSize(_ text: String) -> Bool {
        let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard !digits.isEmpty, digits.first != UInt8(ascii: "0") else { return false }
        return ["KB", "MB", "GB"].contains { text.utf8.dropFirst(digits.count).elementsEqual($0.utf8) }
    }

    private static func isControlFile(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && !name.utf8.contains(UInt8(ascii: "/"))
            && !name.utf8.contains { $0 <= UInt8(ascii: " ") }
    }

    private static func checkWord(_ word: String, _ member: String) throws(RuntimeError) {
        guard !word.isEmpty, !word.utf8.contains(where: { $0 <= UInt8(ascii: " ") }) else {
            throw invalid(member, "\"\(word)\" is not a device's name")
        }
    }

    private static func invalid(_ member: String, _ problem: String) -> RuntimeError {
        RuntimeError(.invalidSpec, "linux.resources.\(member): \(problem)")
    }
}

// The limits as the monitor reads them. What is not set is left out.
extension MonitorPlan {
    var limitsJSON: JSONValue {
        var value: JSONValue = [:]
        func number(_ key: String, _ number: (some BinaryInteger)?) {
            if let number { value[key] = Self.number(number) }
        }
        func flag(_ key: String, _ flag: Bool?) {
            if let flag { value[key] = .bool(flag) }
        }
        func list(_ key: String, _ list: [JSONValue]) {
            if !list.isEmpty { value[key] = .array(list) }
        }
        number("memory", limits.memoryBytes)
        number("swap", limits.memorySwapBytes)
        number("reservation", limits.memoryReservation)
        number("kernel", limits.kernelMemoryBytes)
        number("kernelTCP", limits.kernelTCPMemoryBytes)
        number("swappiness", limits.memorySwappiness)
        flag("noOOMKiller", limits.disablesOOMKiller)
        flag("hierarchy", limits.usesHierarchy)
        flag("checkMemory", limits.checksMemoryBeforeUpdate ? true : nil)
        number("quota", limits.cpuQuotaMicroseconds)
        number("period", limits.cpuPeriodMicroseconds)
        number("burst", limits.cpuBurstMicroseconds)
        number("shares", limits.cpuShares)
        number("idle", limits.cpuIdle)
        number("rtRuntime", limits.cpuRealtimeRuntimeMicroseconds)
        number("rtPeriod", limits.cpuRealtimePeriodMicroseconds)
        number("pids", limits.pids)
        if let cpus = limits.cpusetCpus { value["cpus"] = .string(cpus) }
        if let mems = limits.cpusetMems { value["mems"] = .string(mems) }
        number("weight", limits.blockIO.weight)
        number("leafWeight", limits.blockIO.leafWeight)
        list(
            "deviceWeights",
            limits.blockIO.deviceWeights.map {
                [
                    Self.number($0.major), Self.number($0.minor), Self.optional($0.weight),
                    Self.optional($0.leafWeight),
                ]
            })
        func rates(_ rates: [CgroupLimits.Rate]) -> [JSONValue] {
            rates.map { [Self.number($0.major), Self.number($0.minor), Self.number($0.rate)] }
        }
        list("readBytes", rates(limits.blockIO.readBytes))
        list("writeBytes", rates(limits.blockIO.writeBytes))
        list("readOperations", rates(limits.blockIO.readOperations))
        list("writeOperations", rates(limits.blockIO.writeOperations))
        list("hugepages", limits.hugepages.map { [.string($0.pageSize), Self.number($0.bytes)] })
        number("classID", limits.networkClassID)
        list("priorities", limits.networkPriorities.map { [.string($0.name), Self.number($0.priority)] })
        list(
            "rdma",
            limits.rdma.map { [.string($0.device), Self.optional($0.handles), Self.optional($0.objects)] })
        if !limits.unified.isEmpty { value["unified"] = .object(limits.unified.mapValues { .string($0) }) }
        if let devices = limits.devices {
            value["devices"] = .array(
                devices.map { rule in
                    [
                        .bool(rule.isAllowed), .string(rule.kind.rawValue), Self.optional(rule.major),
                        Self.optional(rule.minor), .string(rule.access),
                    ]
                })
        }
        flag("devicesAreOptional", limits.devicesAreOptional ? true : nil)
        return value
    }

    /// As text where it is beyond JSON's integers here.
    private static func number(_ number: some BinaryInteger) -> JSONValue {
        Int64(exactly: number).map { .integer($0) } ?? .string(String(number))
    }

    private static func optional(_ number: (some BinaryInteger)?) -> JSONValue {
        number.map { Self.number($0) } ?? .null
    }

    static func limits(json: JSONValue) -> CgroupLimits {
        func number<Number: FixedWidthInteger>(_ value: JSONValue?) -> Number? {
            if let text = value?.stringValue { return Number(text) }
            return value?.intValue.map { Number(clamping: $0) }
        }
        func list<Element>(_ key: String, _ element: (JSONValue) -> Element?) -> [Element] {
            (json[key]?.arrayValue ?? []).compactMap(element)
        }
        func rates(_ key: String) -> [CgroupLimits.Rate] {
            list(key) { value in
                guard let major: UInt32 = number(value[0]), let minor: UInt32 = number(value[1]),
                    let rate: UInt64 = number(value[2])
                else { return nil }
                return CgroupLimits.Rate(major: major, minor: minor, rate: rate)
            }
        }
        var limits = CgroupLimits()
        limits.memoryBytes = number(json["memory"])
        limits.memorySwapBytes = number(json["swap"])
        limits.memoryReservation = number(json["reservation"])
        limits.kernelMemoryBytes = number(json["kernel"])
        limits.kernelTCPMemoryBytes = number(json["kernelTCP"])
        limits.memorySwappiness = number(json["swappiness"])
        limits.disablesOOMKiller = json["noOOMKiller"]?.boolValue
        limits.usesHierarchy = json["hierarchy"]?.boolValue
        limits.checksMemoryBeforeUpdate = json["checkMemory"]?.boolValue ?? false
        limits.cpuQuotaMicroseconds = number(json["quota"])
        limits.cpuPeriodMicroseconds = number(json["period"])
        limits.cpuBurstMicroseconds = number(json["burst"])
        limits.cpuShares = number(json["shares"])
        limits.cpuIdle = number(json["idle"])
        limits.cpuRealtimeRuntimeMicroseconds = number(json["rtRuntime"])
        limits.cpuRealtimePeriodMicroseconds = number(json["rtPeriod"])
        limits.pids = number(json["pids"])
        limits.cpusetCpus = json["cpus"]?.stringValue
        limits.cpusetMems = json["mems"]?.stringValue
        limits.blockIO.weight = number(json["weight"])
        limits.blockIO.leafWeight = number(json["leafWeight"])
        limits.blockIO.deviceWeights = list("deviceWeights") { value in
            guard let major: UInt32 = number(value[0]), let minor: UInt32 = number(value[1]) else { return nil }
            return CgroupLimits.DeviceWeight(
                major: major, minor: minor, weight: number(value[2]), leafWeight: number(value[3]))
        }
        limits.blockIO.readBytes = rates("readBytes")
        limits.blockIO.writeBytes = rates("writeBytes")
        limits.blockIO.readOperations = rates("readOperations")
        limits.blockIO.writeOperations = rates("writeOperations")
        limits.hugepages = list("hugepages") { value in
            guard let size = value[0]?.stringValue, let bytes: UInt64 = number(value[1]) else { return nil }
            return CgroupLimits.HugepageLimit(pageSize: size, bytes: bytes)
        }
        limits.networkClassID = number(json["classID"])
        limits.networkPriorities = list("priorities") { value in
            guard let name = value[0]?.stringValue, let priority: UInt32 = number(value[1]) else { return nil }
            return CgroupLimits.InterfacePriority(name: name, priority: priority)
        }
        limits.rdma = list("rdma") { value in
            value[0]?.stringValue.map {
                CgroupLimits.RDMALimit(device: $0, handles: number(value[1]), objects: number(value[2]))
            }
        }
        limits.unified = (json["unified"]?.objectValue ?? [:]).compactMapValues(\.stringValue)
        if json["devices"] != nil {
            limits.devices = list("devices") { value in
                guard let isAllowed = value[0]?.boolValue, let kind = value[1]?.stringValue,
                    let kind = DeviceRule.Kind(rawValue: kind), let access = value[4]?.stringValue
                else { return nil }
                return DeviceRule(
                    isAllowed: isAllowed, kind: kind, major: number(value[2]), minor: number(value[3]), access: access)
            }
        }
        limits.devicesAreOptional = json["devicesAreOptional"]?.boolValue ?? false
        return limits
    }
}
