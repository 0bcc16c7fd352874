import Synchronization

/// Values of one metric by label values.
final class LabelledValues<Value: Sendable>: Sendable {
    let names: [String]
    private let values = Mutex<[[String]: Value]>([:])

    init(names: [String]) {
        self.names = names
    }

    func update(_ labels: [String], default initial: @autoclosure () -> Value, _ change: (inout Value) -> Void) {
        precondition(labels.count == names.count, "label values do not match the label names \(names)")
        values.withLock { change(&$0[labels, default: initial()]) }
    }

    /// Ordered, so that two scrapes of the same state read the same.
    func snapshot() -> [(labels: [(name: String, value: String)], value: Value)] {
        values.withLock { $0 }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { (Array(zip(names, $0.key)), $0.value) }
    }
}

/// A number that only grows.
public final class Counter: Instrument {
    private let name: String
    private let help: String
    private let values: LabelledValues<Double>

    init(_ name: String, help: String, labels: [String]) {
        self.name = name
        self.help = help
        values = LabelledValues(names: labels)
        if labels.isEmpty { values.update([], default: 0) { _ in } }
    }

    /// Adds a non-negative amount; label values stand in the order of the names.
    public func increment(by amount: Double = 1, _ labels: String...) {
        precondition(amount >= 0, "counters do not fall")
        values.update(labels, default: 0) { $0 += amount }
    }

    func family() -> MetricFamily {
        MetricFamily(name, .counter, help: help, samples: values.snapshot().map { .init($0.value, labels: $0.labels) })
    }
}

/// A number that goes up and down.
public final class Gauge: Instrument {
    private let name: String
    private let help: String
    private let values: LabelledValues<Double>

    init(_ name: String, help: String, labels: [String]) {
        self.name = name
        self.help = help
        values = LabelledValues(names: labels)
    }

    public func set(_ value: Double, _ labels: String...) {
        values.update(labels, default: 0) { $0 = value }
    }

    public func add(_ amount: Double, _ labels: String...) {
        values.update(labels, default: 0) { $0 += amount }
    }

    func family() -> MetricFamily {
        MetricFamily(name, .gauge, help: help, samples: values.snapshot().map { .init($0.value, labels: $0.labels) })
    }
}

/// A distribution in buckets.
public final class Histogram: Instrument {
    /// Bounds for latencies, in seconds.
    public static let seconds: [Double] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10]

    private struct Value: Sendable {
        var counts: [UInt64]
        var sum = 0.0
    }

    private let name: String
    private let help: String
    private let buckets: [Double]
    private let values: LabelledValues<Value>

    init(_ name: String, help: String, labels: [String], buckets: [Double]) {
        self.name = name
        self.help = help
        self.buckets = buckets
        values = LabelledValues(names: labels)
    }

    public func observe(_ value: Double, _ labels: String...) {
        let bucket = buckets.firstIndex { value <= $0 } ?? buckets.count
        values.update(labels, default: Value(counts: Array(repeating: 0, count: buckets.count + 1))) {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    public func observe(_ duration: Duration, _ labels: String...) {
        let parts = duration.components
        let seconds = Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
        let bucket = buckets.firstIndex { seconds <= $0 } ?? buckets.count
        values.update(labels, default: Value(counts: Array(repeating: 0, count: buckets.count + 1))) {
            $0.counts[bucket] += 1
            $0.sum += seconds
        }
    }

    func family() -> MetricFamily {
        var samples: [MetricFamily.Sample] = []
        for (labels, value) in values.snapshot() {
            var total: UInt64 = 0
            for (bound, count) in zip(buckets + [.infinity], value.counts) {
                total += count
                samples.append(
                    .init(Double(total), labels: labels + [("le", MetricFamily.number(bound))], suffix: "_bucket"))
            }
            samples.append(.init(value.sum, labels: labels, suffix: "_sum"))
            samples.append(.init(Double(total), labels: labels, suffix: "_count"))
        }
        return MetricFamily(name, .histogram, help: help, samples: samples)
    }
}
