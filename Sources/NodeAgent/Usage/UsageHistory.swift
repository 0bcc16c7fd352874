/// One sample of what each thing that runs has used, so that a later one gives a rate.
///
/// A rate needs a while of at least ``shortest``; a sample older than ``longest`` would hide what happens now.
struct UsageHistory: Sendable {
    struct Sample: Sendable, Hashable {
        /// On the agent's clock.
        var time: Duration
        /// Nanoseconds of CPU, since whenever.
        var cpu: UInt64
    }

    struct Rate: Sendable, Hashable {
        var nanocores: Int64
        var window: Duration
    }

    static let shortest = Duration.seconds(1)
    static let longest = Duration.seconds(120)
    /// From this age on a sample gives way to a newer one, so that whoever looks often sees what is new.
    static let renewal = Duration.seconds(15)

    private var samples: [String: Sample] = [:]

    /// Whether a sample at `time` would give a rate.
    func isReady(_ id: String, at time: Duration) -> Bool {
        guard let sample = samples[id] else { return false }
        return (Self.shortest...Self.longest).contains(time - sample.time)
    }

    /// Starts to watch what is not watched, or was too long ago.
    mutating func begin(_ id: String, _ sample: Sample) {
        if let present = samples[id], sample.time - present.time <= Self.longest { return }
        samples[id] = sample
    }

    /// The rate up to a new sample; nil without an older one.
    mutating func rate(_ id: String, to sample: Sample) -> Rate? {
        guard isReady(id, at: sample.time), let before = samples[id] else { return nil }
        let window = sample.time - before.time
        if window >= Self.renewal { samples[id] = sample }
        let used = Double(sample.cpu - min(sample.cpu, before.cpu))
        return Rate(nanocores: Int64((used / window.inSeconds).rounded()), window: window)
    }

    /// Forgets what has ended.
    mutating func keep(only ids: Set<String>) { samples = samples.filter { ids.contains($0.key) } }
}

extension Duration {
    fileprivate var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
