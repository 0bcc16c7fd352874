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
    /// Nil for a plain user's container without limits: such a user has no groups to give.
    var cgroup: Cgroup?
    /// Where the group is systemd's to make and to remove.
    var scope: SystemdScope?
    var limits = CgroupLimits()
    var oomScoreAdjustment: Int?
    var log: LogFile?
    /// What the program's standard input is.
    var input: ContainerInput = .none
    var hasTerminal = false

    init(
        spec: RuntimeSpec, log: LogFile?, input: ContainerInput = .none, usesSystemd: Bool = false
    ) throws(RuntimeError) {
        self.input = input
        hasTerminal = spec.process?.terminal == true
        guard let cgroup = spec.linux.cgroupsPath else {
            throw RuntimeError(.invalidSpec, "linux.cgroupsPath is missing")
        }
        if usesSystemd {
            guard geteuid() == 0 else {
                throw RuntimeError(.unsupported, "systemd cgroups of a plain user are not supported: use cgroupfs")
            }
            let scope = try stage("make cgroup \(cgroup)") { try SystemdScope(cgroupsPath: cgroup) }
            self.scope = scope
            self.cgroup = try stage("make cgroup \(cgroup)") { try Cgroup(existing: scope.path) }
        } else if geteuid() == 0 || spec.linux.resources != nil {
            self.cgroup = try stage("make cgroup \(cgroup)") { try Cgroup(existing: cgroup) }
        }
        self.log = log
        for namespace in spec.linux.namespaces {
            let flag = Self.flag(namespace.type)
            if let path = namespace.path, !path.isEmpty {
                joins.append(Join(type: Int32(truncatingIfNeeded: flag), path: path))
            } else if namespace.type == .pid {
                hasOwnPidNamespace = true
                cloneFlags |= UInt64(flag)
            } else if namespace.type == .cgroup {
                hasOwnCgroupNamespace = true  // made once the process is in its group
            } else if namespace.type == .time {
                // Made by the process, which sets its clocks first.
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
}

extension MonitorPlan {
    var json: JSONValue {
        var value: JSONValue = [
            "cloneFlags": .integer(Int64(cloneFlags)), "ownPidNamespace": .bool(hasOwnPidNamespace),
            "ownCgroupNamespace": .bool(hasOwnCgroupNamespace),
            "limits": limitsJSON,
            "joins": .array(joins.map { ["type": .integer(Int64($0.type)), "path": .string($0.path)] }),
        ]
        if let scope { value["scope"] = ["slice": .string(scope.slice), "name": .string(scope.name)] }
        if let cgroup { value["cgroup"] = .string(cgroup.path) }
        if input != .none { value["input"] = .string(input.rawValue) }
        if hasTerminal { value["terminal"] = true }
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
        guard let flags = json["cloneFlags"]?.intValue else { return nil }
        if let path = json["cgroup"]?.stringValue {
            guard let cgroup = try? Cgroup(existing: path) else { return nil }
            self.cgroup = cgroup
        }
        if let slice = json["scope"]?["slice"]?.stringValue, let name = json["scope"]?["name"]?.stringValue {
            scope = SystemdScope(slice: slice, name: name)
        }
        cloneFlags = UInt64(clamping: flags)
        hasOwnPidNamespace = json["ownPidNamespace"]?.boolValue ?? false
        hasOwnCgroupNamespace = json["ownCgroupNamespace"]?.boolValue ?? false
        joins = (json["joins"]?.arrayValue ?? []).compactMap { join in
            guard let type = join["type"]?.intValue, let path = join["path"]?.stringValue else { return nil }
            return Join(type: Int32(clamping: type), path: path)
        }
        limits = Self.limits(json: json["limits"] ?? .null)
        input = json["input"]?.stringValue.flatMap(ContainerInput.init(rawValue:)) ?? .none
        hasTerminal = json["terminal"]?.boolValue ?? false
        oomScoreAdjustment = json["oomScoreAdj"]?.intValue
        if let path = json["log"]?["path"]?.stringValue {
            log = LogFile(
                path: path, maxBytes: Int64(json["log"]?["maxBytes"]?.intValue ?? 0),
                maxFiles: json["log"]?["maxFiles"]?.intValue ?? 1)
        }
    }
}
