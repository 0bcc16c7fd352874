import Cgroups
import JSON
import Linux
import OCI

/// What the monitor does itself; the rest of the specification is read by the container's own set-up.
struct MonitorPlan {
    struct Join {
        let type: Int32
        let path: String
    }

    var cloneFlags: UInt64 = 0
    var joins: [Join] = []
    var hasOwnPidNamespace = false
    var hasOwnCgroupNamespace = false
    var cgroup: String
    var limits = CgroupLimits()
    var oomScoreAdjustment: Int?
    var log: LogFile?

    init(spec: RuntimeSpec, log: LogFile?) throws(RuntimeError) {
        guard let cgroup = spec.linux.cgroupsPath else {
            throw RuntimeError(.invalidSpec, "linux.cgroupsPath is missing")
        }
        self.cgroup = cgroup
        self.log = log
        for namespace in spec.linux.namespaces {
            guard namespace.type != .user, namespace.type != .time else {
                throw RuntimeError(.invalidSpec, "namespace \(namespace.type.rawValue) is not supported yet")
            }
            let flag = Self.flag(namespace.type)
            if let path = namespace.path, !path.isEmpty {
                joins.append(Join(type: Int32(truncatingIfNeeded: flag), path: path))
            } else if namespace.type == .pid {
                hasOwnPidNamespace = true
                cloneFlags |= UInt64(flag)
            } else if namespace.type == .cgroup {
                hasOwnCgroupNamespace = true  // made once the process is in its group
            } else {
                cloneFlags |= UInt64(flag)
            }
        }
        guard spec.linux.namespace(.mount) != nil else {
            throw RuntimeError(.invalidSpec, "a container needs a mount namespace")
        }
        limits = try Self.limits(spec)
        oomScoreAdjustment = spec.process?.oomScoreAdj
    }

    static func flag(_ kind: RuntimeSpec.Namespace.Kind) -> Int {
        switch kind {
        case .pid: WHERRY_CLONE_NEWPID
        case .network: WHERRY_CLONE_NEWNET
        case .mount: WHERRY_CLONE_NEWNS
        case .ipc: WHERRY_CLONE_NEWIPC
        case .uts: WHERRY_CLONE_NEWUTS
        case .user: WHERRY_CLONE_NEWUSER
        case .cgroup: WHERRY_CLONE_NEWCGROUP
        case .time: WHERRY_CLONE_NEWTIME
        }
    }

    static func limits(_ spec: RuntimeSpec) throws(RuntimeError) -> CgroupLimits {
        let resources = spec.linux.resources
        var devices = DeviceRule.containerDefaults
        for rule in resources?.devices ?? [] where rule.allow {
            guard let kind = DeviceRule.Kind(rawValue: rule.type ?? "a") else {
                throw RuntimeError(.invalidSpec, "device rule type \"\(rule.type ?? "")\" is not a, b or c")
            }
            devices.append(
                DeviceRule(
                    kind: kind, major: rule.major.flatMap { UInt32(exactly: $0) },
                    minor: rule.minor.flatMap { UInt32(exactly: $0) }, access: rule.access ?? "rwm"))
        }
        for device in spec.linux.devices where device.type != "p" {
            devices.append(
                DeviceRule(
                    kind: device.type == "b" ? .block : .character, major: device.major, minor: device.minor,
                    access: "rwm"))
        }
        return CgroupLimits(
            memoryBytes: resources?.memory?.limit, memorySwapBytes: resources?.memory?.swap,
            memoryReservation: resources?.memory?.reservation, cpuQuotaMicroseconds: resources?.cpu?.quota,
            cpuPeriodMicroseconds: resources?.cpu?.period, cpuShares: resources?.cpu?.shares,
            cpusetCpus: resources?.cpu?.cpus, pids: resources?.pids?.limit, devices: devices)
    }
}

extension MonitorPlan {
    var json: JSONValue {
        var value: JSONValue = [
            "cloneFlags": .integer(Int64(cloneFlags)), "ownPidNamespace": .bool(hasOwnPidNamespace),
            "ownCgroupNamespace": .bool(hasOwnCgroupNamespace),
            "cgroup": .string(cgroup), "limits": limitsJSON,
            "joins": .array(joins.map { ["type": .integer(Int64($0.type)), "path": .string($0.path)] }),
        ]
        if let oomScoreAdjustment { value["oomScoreAdj"] = .integer(Int64(oomScoreAdjustment)) }
        if let log {
            value["log"] = [
                "path": .string(log.path), "maxBytes": .integer(log.maxBytes),
                "maxFiles": .integer(Int64(log.maxFiles)),
            ]
        }
        return value
    }

    init?(json: JSONValue) {
        guard let flags = json["cloneFlags"]?.intValue, let cgroup = json["cgroup"]?.stringValue else { return nil }
        self.cgroup = cgroup
        cloneFlags = UInt64(clamping: flags)
        hasOwnPidNamespace = json["ownPidNamespace"]?.boolValue ?? false
        hasOwnCgroupNamespace = json["ownCgroupNamespace"]?.boolValue ?? false
        joins = (json["joins"]?.arrayValue ?? []).compactMap { join in
            guard let type = join["type"]?.intValue, let path = join["path"]?.stringValue else { return nil }
            return Join(type: Int32(clamping: type), path: path)
        }
        limits = Self.limits(json: json["limits"] ?? .null)
        oomScoreAdjustment = json["oomScoreAdj"]?.intValue
        if let path = json["log"]?["path"]?.stringValue {
            log = LogFile(
                path: path, maxBytes: Int64(json["log"]?["maxBytes"]?.intValue ?? 0),
                maxFiles: json["log"]?["maxFiles"]?.intValue ?? 1)
        }
    }

    private var limitsJSON: JSONValue {
        var value: JSONValue = [:]
        func number(_ key: String, _ number: (some BinaryInteger)?) {
            if let number { value[key] = .integer(Int64(clamping: number)) }
        }
        number("memory", limits.memoryBytes)
        number("swap", limits.memorySwapBytes)
        number("reservation", limits.memoryReservation)
        number("quota", limits.cpuQuotaMicroseconds)
        number("period", limits.cpuPeriodMicroseconds)
        number("shares", limits.cpuShares)
        number("pids", limits.pids)
        if let cpus = limits.cpusetCpus { value["cpus"] = .string(cpus) }
        value["devices"] = .array(
            (limits.devices ?? []).map { rule in
                .array([
                    .string(rule.kind.rawValue), rule.major.map { .integer(Int64($0)) } ?? .null,
                    rule.minor.map { .integer(Int64($0)) } ?? .null, .string(rule.access),
                ])
            })
        return value
    }

    private static func limits(json: JSONValue) -> CgroupLimits {
        func signed(_ key: String) -> Int64? { json[key]?.intValue.map { Int64($0) } }
        func unsigned(_ key: String) -> UInt64? { json[key]?.intValue.map { UInt64(clamping: $0) } }
        let devices = (json["devices"]?.arrayValue ?? []).compactMap { rule -> DeviceRule? in
            guard let kind = rule[0]?.stringValue.flatMap(DeviceRule.Kind.init(rawValue:)),
                let access = rule[3]?.stringValue
            else { return nil }
            return DeviceRule(
                kind: kind, major: rule[1]?.intValue.map { UInt32(clamping: $0) },
                minor: rule[2]?.intValue.map { UInt32(clamping: $0) }, access: access)
        }
        return CgroupLimits(
            memoryBytes: signed("memory"), memorySwapBytes: signed("swap"), memoryReservation: signed("reservation"),
            cpuQuotaMicroseconds: signed("quota"), cpuPeriodMicroseconds: unsigned("period"),
            cpuShares: unsigned("shares"), cpusetCpus: json["cpus"]?.stringValue, pids: signed("pids"),
            devices: devices)
    }
}
