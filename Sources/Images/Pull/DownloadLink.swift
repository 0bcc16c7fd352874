internal import JSON
internal import Linux
internal import Logging
internal import OCI
internal import Synchronization

/// The device's link, which all pulls share: its configuration, its rate and its byte budget.
final class DownloadLink: Sendable {
    private struct State {
        var source: @Sendable () throws -> RegistryConfiguration = { RegistryConfiguration() }
        var usage = LinkUsage()
        var isLoaded = false
        var seen = MonotonicInstant.now()
        var unsaved: Int64 = 0
        /// When the bytes so far are paid for at the configured rate.
        var free = MonotonicInstant.now()
        var pace = Pace()
        /// Blobs that somebody wants in spite of the budget, and how many do.
        var urgent: [Digest: Int] = [:]
    }

    /// How soon things are tried again; tests have less patience.
    struct Pace: Sendable {
        var firstDelay: Duration = .milliseconds(500)
        var budgetDelay: Duration = .seconds(5)
    }

    private static let saveEvery: Int64 = 4 << 20

    private let path: String
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter path: Where the count is kept; written only when a budget is configured.
    init(path: String, logger: Logger) {
        self.path = path
        self.logger = logger
    }

    func use(_ source: @escaping @Sendable () throws -> RegistryConfiguration) {
        state.withLock { $0.source = source }
    }

    var pace: Pace {
        get { state.withLock { $0.pace } }
        set { state.withLock { $0.pace = newValue } }
    }

    /// The configuration as it is now: it may change under a running pull.
    func configuration() throws -> RegistryConfiguration { try state.withLock { $0.source }() }

    /// Lets a blob come in spite of the budget until ``endUrgency(of:)``, also where another pull waits with it.
    func beginUrgency(of blob: Digest) { state.withLock { $0.urgent[blob, default: 0] += 1 } }

    func endUrgency(of blob: Digest) {
        state.withLock { state in
            guard let count = state.urgent[blob] else { return }
            state.urgent[blob] = count > 1 ? count - 1 : nil
        }
    }

    /// Why nothing of a blob may be fetched now; nil when something may.
    func refusal(of blob: Digest, _ limits: RegistryConfiguration.Limits) -> String? {
        if state.withLock({ $0.urgent[blob] != nil }) { return nil }
        return refusal(limits)
    }

    private func refusal(_ limits: RegistryConfiguration.Limits) -> String? {
        guard limits.hasBudget else { return nil }
        return state.withLock { state in
            observe(&state)
            return state.usage.refusal(limits)
        }
    }

    /// Counts bytes that came, and says how long to wait for the next ones to keep the rate.
    func received(_ bytes: Int, _ limits: RegistryConfiguration.Limits) -> Duration {
        let now = MonotonicInstant.now()
        let (wait, usage) = state.withLock { state -> (Duration, LinkUsage?) in
            var usage: LinkUsage?
            if limits.hasBudget {
                observe(&state)
                state.usage.add(Int64(bytes))
                state.unsaved += Int64(bytes)
                if state.unsaved >= Self.saveEvery {
                    state.unsaved = 0
                    usage = state.usage
                }
            }
            guard let rate = limits.bytesPerSecond else { return (.zero, usage) }
            state.free = max(state.free, now).advanced(by: .nanoseconds(Int64(bytes) * 1_000_000_000 / rate))
            return (now.duration(to: state.free), usage)
        }
        if let usage { save(usage) }
        return wait
    }

    /// Writes down what a transfer used.
    func settle() {
        let usage = state.withLock { state -> LinkUsage? in
            guard state.unsaved > 0 else { return nil }
            state.unsaved = 0
            return state.usage
        }
        if let usage { save(usage) }
    }

    private func observe(_ state: inout State) {
        if !state.isLoaded {
            state.isLoaded = true
            state.usage = load()
        }
        let now = MonotonicInstant.now()
        let elapsed = state.seen.duration(to: now).components.seconds
        if elapsed > 0 { state.seen = state.seen.advanced(by: .seconds(elapsed)) }
        state.usage.advance(wall: WallClock.now().seconds, elapsed: elapsed)
    }

    private func load() -> LinkUsage {
        guard Files.exists(path) else { return LinkUsage() }
        do {
            return LinkUsage(try JSONValue(parsing: try Files.read(path, limit: 4096)))
        } catch {
            logger.warning(
                "count of the link's bytes is damaged and begins anew",
                metadata: ["path": "\(path)", "error": "\(error)"])
            return LinkUsage()
        }
    }

    private func save(_ usage: LinkUsage) {
        do {
            try Files.writeAtomically(usage.json.serialized(), to: path)
        } catch {
            // The count in memory stands: only a restart forgets these bytes.
            logger.warning(
                "count of the link's bytes cannot be written", metadata: ["path": "\(path)", "error": "\(error)"])
        }
    }
}

extension RegistryConfiguration.Limits {
    var hasBudget: Bool { bytesPerDay != nil || bytesPerMonth != nil }

    /// Layers that are fetched at once: one where the memory would not bear more.
    var layersAtOnce: Int { parallelLayers ?? (MemoryInformation.isShort ? 1 : 3) }
}

/// What the kernel says of the machine's memory.
enum MemoryInformation {
    static let short: Int64 = 512 << 20

    /// Whether this is a machine of little memory, or one whose memory is in use.
    static var isShort: Bool {
        guard let text = try? Files.read("/proc/meminfo", limit: 64 << 10) else { return false }
        return isShort(String(decoding: text, as: UTF8.self))
    }

    static func isShort(_ meminfo: String) -> Bool {
        let kilobytes = meminfo.split(separator: "\n").compactMap { line -> Int64? in
            let words = line.split(separator: " ")
            guard words.count >= 2, words[0] == "MemTotal:" || words[0] == "MemAvailable:" else { return nil }
            return Int64(words[1])
        }
        return kilobytes.contains { $0 << 10 < short }
    }
}
