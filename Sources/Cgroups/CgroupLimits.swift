import Linux

/// The limits of one container, in the OCI runtime specification's units.
public struct CgroupLimits: Sendable, Hashable {
    /// Hard limit of memory in bytes; -1 is none.
    public var memoryBytes: Int64?
    /// Hard limit of memory plus swap in bytes, as OCI and cgroup v1 count it; -1 is none.
    public var memorySwapBytes: Int64?
    /// Memory that is protected (v2 `memory.low`) or the soft limit (v1), in bytes.
    public var memoryReservation: Int64?
    /// CPU time in microseconds for each period; -1 is no limit.
    public var cpuQuotaMicroseconds: Int64?
    /// Length of a period in microseconds; 100 000 when absent.
    public var cpuPeriodMicroseconds: UInt64?
    /// Relative weight, 2…262144, 1024 being the default of cgroup v1.
    public var cpuShares: UInt64?
    /// CPUs the group may use, as the list "0-2,4".
    public var cpusetCpus: String?
    /// Highest number of tasks; -1 is none.
    public var pids: Int64?
    /// Which devices may be used; nil leaves devices alone. Everything that no rule allows is denied.
    public var devices: [DeviceRule]?

    public init(
        memoryBytes: Int64? = nil, memorySwapBytes: Int64? = nil, memoryReservation: Int64? = nil,
        cpuQuotaMicroseconds: Int64? = nil, cpuPeriodMicroseconds: UInt64? = nil, cpuShares: UInt64? = nil,
        cpusetCpus: String? = nil, pids: Int64? = nil, devices: [DeviceRule]? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.memorySwapBytes = memorySwapBytes
        self.memoryReservation = memoryReservation
        self.cpuQuotaMicroseconds = cpuQuotaMicroseconds
        self.cpuPeriodMicroseconds = cpuPeriodMicroseconds
        self.cpuShares = cpuShares
        self.cpusetCpus = cpusetCpus
        self.pids = pids
        self.devices = devices
    }
}

/// One allowed set of devices (the OCI `linux.resources.devices` entry with `allow: true`).
public struct DeviceRule: Sendable, Hashable {
    public enum Kind: String, Sendable { case all = "a", character = "c", block = "b" }
    public var kind: Kind
    /// Major and minor number; nil is any.
    public var major: UInt32?
    public var minor: UInt32?
    /// A subset of "rwm": read, write, mknod.
    public var access: String

    public init(kind: Kind, major: UInt32? = nil, minor: UInt32? = nil, access: String = "rwm") {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// The line for v1's `devices.allow`.
    var line: String {
        func number(_ value: UInt32?) -> String { value.map { String($0) } ?? "*" }
        return "\(kind.rawValue) \(number(major)):\(number(minor)) \(access)"
    }

    /// What every container may use (OCI runtime specification, default devices): making any node, and using null, zero, full,
    /// random, urandom, tty, console, ptmx and pts.
    public static let containerDefaults: [DeviceRule] = [
        DeviceRule(kind: .character, access: "m"), DeviceRule(kind: .block, access: "m"),
        DeviceRule(kind: .character, major: 1, minor: 3), DeviceRule(kind: .character, major: 1, minor: 5),
        DeviceRule(kind: .character, major: 1, minor: 7), DeviceRule(kind: .character, major: 1, minor: 8),
        DeviceRule(kind: .character, major: 1, minor: 9), DeviceRule(kind: .character, major: 5, minor: 0),
        DeviceRule(kind: .character, major: 5, minor: 1), DeviceRule(kind: .character, major: 5, minor: 2),
        DeviceRule(kind: .character, major: 136),
    ]
}

/// A control file and what to write into it.
struct ControlValue {
    let file: String
    let value: String
}

extension CgroupLimits {
    /// The values for `controller` in cgroup v1, in the order in which a new group takes them.
    func valuesV1(_ controller: String) -> [ControlValue] {
        var values: [ControlValue] = []
        func add(_ file: String, _ value: (some CustomStringConvertible)?) {
            if let value { values.append(ControlValue(file: file, value: value.description)) }
        }
        switch controller {
        case "memory":
            // The kernel wants memory <= memory + swap at every moment: the smaller one first.
            add("memory.limit_in_bytes", memoryBytes)
            add("memory.memsw.limit_in_bytes", memorySwapBytes)
            add("memory.soft_limit_in_bytes", memoryReservation)
        case "cpu":
            add("cpu.cfs_period_us", cpuPeriodMicroseconds)
            add("cpu.cfs_quota_us", cpuQuotaMicroseconds)
            add("cpu.shares", cpuShares)
        case "cpuset": add("cpuset.cpus", cpusetCpus)
        case "pids": add("pids.max", pids.map(Self.limit))
        case "devices":
            guard let devices else { break }
            add("devices.deny", "a")
            for rule in devices { add("devices.allow", rule.line) }
        default: break
        }
        return values
    }

    /// The values for `controller` in cgroup v2 (kernel document cgroup-v2, interface files).
    func valuesV2(_ controller: String) -> [ControlValue] {
        var values: [ControlValue] = []
        func add(_ file: String, _ value: String?) {
            if let value { values.append(ControlValue(file: file, value: value)) }
        }
        switch controller {
        case "memory":
            add("memory.max", memoryBytes.map(Self.limit))
            add("memory.swap.max", swapOnly)
            add("memory.low", memoryReservation.map { String(max(0, $0)) })
        case "cpu":
            if cpuQuotaMicroseconds != nil || cpuPeriodMicroseconds != nil {
                add("cpu.max", "\(Self.limit(cpuQuotaMicroseconds ?? -1)) \(cpuPeriodMicroseconds ?? 100_000)")
            }
            add("cpu.weight", cpuShares.map { String(Self.weight(fromShares: $0)) })
        case "cpuset": add("cpuset.cpus", cpusetCpus)
        case "pids": add("pids.max", pids.map(Self.limit))
        default: break
        }
        return values
    }

    private static func limit(_ value: Int64) -> String { value < 0 ? "max" : String(value) }

    /// v2 counts swap alone, OCI the sum of memory and swap.
    private var swapOnly: String? {
        guard let memorySwapBytes else { return nil }
        guard memorySwapBytes >= 0 else { return "max" }
        return String(max(0, memorySwapBytes - max(0, memoryBytes ?? 0)))
    }

    /// Maps shares (2…262144, default 1024) to a weight (1…10000, default 100) so that the defaults and both ends meet, as
    /// runc 1.3 and Kubernetes 1.34 do (kubernetes/enhancements 2254).
    static func weight(fromShares shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let power = log2(Double(shares))
        let exponent = (power * power + 125 * power) / 612 - 7.0 / 34
        return UInt64(ceil(pow(10, exponent)))
    }
}
