/// What something uses: CPU as a rate over a while, memory at its end. A figure is nil where the machine does not count it.
public struct UsageFigures: Sendable, Hashable {
    /// Billionths of one CPU.
    public var nanocores: Int64?
    /// Bytes that are not easily given up.
    public var memory: Int64?

    public init(nanocores: Int64?, memory: Int64?) {
        self.nanocores = nanocores
        self.memory = memory
    }
}

/// What the parts of a pod use, or a machine, which has one part without a name.
public struct UsageReport: Sendable, Hashable {
    /// When it was read, in Unix seconds.
    public var time: Int64
    /// How long the CPU was watched.
    public var window: Duration
    /// By container.
    public var parts: [String: UsageFigures]

    public init(time: Int64, window: Duration, parts: [String: UsageFigures]) {
        self.time = time
        self.window = window
        self.parts = parts
    }
}

extension ResourceType {
    /// What pods use; read when asked for, and stored nowhere.
    public static let podMetrics = ResourceType(
        group: "metrics.k8s.io", version: "v1beta1", "PodMetrics", "pods")
    /// What machines use.
    public static let nodeMetrics = ResourceType(
        group: "metrics.k8s.io", version: "v1beta1", "NodeMetrics", "nodes", namespaced: false)
}
