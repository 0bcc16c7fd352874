public import Linux

/// A container as the runtime knows it, from its files and from the kernel.
public struct ContainerState: Codable, Hashable, Sendable {
    public enum Status: String, Codable, Sendable {
        /// Being set up.
        case creating
        /// Waits at the start gate.
        case created
        case running
        case stopped
    }

    public var id: String
    public var status: Status
    /// The first process, in the runtime's pid namespace; 0 when there is none.
    public var pid: pid_t
    /// In clock ticks since boot: tells a reused number apart.
    public var startTime: UInt64?
    /// 0 for a container from a bundle, which has none.
    public var monitorPid: pid_t
    public var monitorStartTime: UInt64?
    /// False when the monitor was killed: nobody reads the container's output and nobody will record its exit. See `settle`.
    public var monitorIsAlive: Bool
    /// The directory that the container was made from.
    public var bundle: String
    public var annotations: [String: String]
    /// RFC 3339.
    public var createdAt: String
    public var startedAt: String?
    public var exit: ContainerExit?
}

/// How a container ended.
public struct ContainerExit: Codable, Hashable, Sendable {
    /// 128 + n for signal n.
    public var code: Int32
    public var signal: Int32?
    /// The kernel killed one of its processes at the memory limit, and the container failed.
    public var oomKilled: Bool
    /// RFC 3339 with nanoseconds; nil when it never ran.
    public var startedAt: String?
    public var finishedAt: String
    /// Why, where the code does not say it: `MonitorLost`, `StartError`.
    public var reason: String?
    public var message: String?

    public init(
        code: Int32, signal: Int32? = nil, oomKilled: Bool = false, startedAt: String? = nil, finishedAt: String,
        reason: String? = nil, message: String? = nil
    ) {
        self.code = code
        self.signal = signal
        self.oomKilled = oomKilled
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.reason = reason
        self.message = message
    }
}
