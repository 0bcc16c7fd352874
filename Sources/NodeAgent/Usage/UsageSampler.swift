import ContainerEngine
import Linux
import Resources

/// Reads what containers and the machine use, when somebody asks; nothing wakes an idle device for it.
///
/// Whoever asks first, or after a long time, waits ``UsageHistory/shortest`` for the second sample.
actor UsageSampler {
    private let engine: Engine
    private let clock: AgentClock
    private var history = UsageHistory()
    /// What the machine is called among containers' ids, which are never empty.
    private static let machine = ""

    init(engine: Engine, clock: AgentClock) {
        self.engine = engine
        self.clock = clock
    }

    /// By the pods' uids. A pod is left out when it has no running container, or one that was not there for both samples.
    func pods(_ uids: Set<String>) async throws -> [String: UsageReport] {
        let running = await engine.list().filter(\.isRunning)
        history.keep(only: Set(running.map(\.id) + [Self.machine]))
        let records = running.filter { uids.contains($0.podUID) }
        let figures = try await figures(of: records.map(\.id)) { [engine] in try await engine.usage(of: $0) }
        var reports: [String: UsageReport] = [:]
        for (uid, containers) in Dictionary(grouping: records, by: \.podUID) {
            var report = UsageReport(time: WallClock.now().seconds, window: .zero, parts: [:])
            for record in containers {
                guard let name = record.labels[ContainerLabels.container], let (own, window) = figures[record.id]
                else { continue }
                report.parts[name] = own
                report.window = max(report.window, window)
            }
            if report.parts.count == containers.count { reports[uid] = report }
        }
        return reports
    }

    /// nil when the kernel does not tell.
    func machine() async throws -> UsageReport? {
        let figures = try await figures(of: [Self.machine]) { _ in MachineUsage.read().map { [Self.machine: $0] } ?? [:]
        }
        return figures[Self.machine].map { own, window in
            UsageReport(time: WallClock.now().seconds, window: window, parts: [Self.machine: own])
        }
    }

    private func figures(
        of ids: [String], _ read: @Sendable ([String]) async throws -> [String: ContainerUsage]
    ) async throws -> [String: (UsageFigures, window: Duration)] {
        guard !ids.isEmpty else { return [:] }
        var usages = try await read(ids)
        var now = clock.now()
        if !ids.allSatisfy({ history.isReady($0, at: now) }) {
            for (id, usage) in usages { history.begin(id, .init(time: now, cpu: usage.cpu ?? 0)) }
            try await clock.sleep(UsageHistory.shortest)
            usages = try await read(ids)
            now = clock.now()
        }
        var figures: [String: (UsageFigures, window: Duration)] = [:]
        for (id, usage) in usages {
            guard let rate = history.rate(id, to: .init(time: now, cpu: usage.cpu ?? 0)) else { continue }
            let own = UsageFigures(
                nanocores: usage.cpu.map { _ in rate.nanocores }, memory: usage.memory.map { Int64(clamping: $0) })
            figures[id] = (own, rate.window)
        }
        return figures
    }
}
