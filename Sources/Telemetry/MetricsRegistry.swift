import Synchronization

/// The daemon's metrics: instruments that code updates, and collectors that read the world when a scrape comes.
///
/// Prefer collectors: they cost nothing between scrapes.
public final class MetricsRegistry: Sendable {
    /// Reads families at scrape time.
    public typealias Collector = @Sendable () async -> [MetricFamily]

    private struct State {
        var instruments: [String: any Instrument] = [:]
        var collectors: [Collector] = []
    }

    private let state = Mutex(State())

    public init() {}

    /// A counter; the same name gives the same instrument.
    /// - Parameter name: ends in `_total`.
    public func counter(_ name: String, help: String, labels: [String] = []) -> Counter {
        register(name) { Counter(name, help: help, labels: labels) }
    }

    /// A gauge; the same name gives the same instrument.
    public func gauge(_ name: String, help: String, labels: [String] = []) -> Gauge {
        register(name) { Gauge(name, help: help, labels: labels) }
    }

    /// A histogram; the same name gives the same instrument.
    /// - Parameter buckets: upper bounds in base units, rising; `+Inf` is added.
    public func histogram(
        _ name: String, help: String, labels: [String] = [], buckets: [Double] = Histogram.seconds
    ) -> Histogram {
        register(name) { Histogram(name, help: help, labels: labels, buckets: buckets) }
    }

    /// Adds a collector; its families must not share a name with other metrics.
    public func collect(_ collector: @escaping Collector) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// Everything in Prometheus' text format 0.0.4, ordered by name.
    public func render() async -> String {
        let (instruments, collectors) = state.withLock { (Array($0.instruments.values), $0.collectors) }
        var families = instruments.map { $0.family() }
        for collector in collectors { families += await collector() }
        families.sort { $0.name < $1.name }
        var text = ""
        var previous: String?
        for family in families where family.name != previous {
            family.write(to: &text)
            previous = family.name
        }
        return text
    }

    private func register<I: Instrument>(_ name: String, _ make: () -> I) -> I {
        state.withLock { state in
            if let known = state.instruments[name] {
                guard let same = known as? I else {
                    preconditionFailure("metric \(name) is registered as another kind")
                }
                return same
            }
            let instrument = make()
            state.instruments[name] = instrument
            return instrument
        }
    }
}

/// What a registry can render.
protocol Instrument: Sendable {
    func family() -> MetricFamily
}
