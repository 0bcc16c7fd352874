import JSON
internal import Linux
internal import Logging
import ResourceStore
import Resources

/// Carries the store's Events into the outbox.
///
/// An Event that repeats is spooled again only when its count has doubled: a crash loop must not write to flash for ever.
struct EventSpooler: Sendable {
    let store: Store
    let outbox: Outbox
    let clock: any Clock<Duration>
    let logger: Logger
    /// Called after rows were added.
    let added: @Sendable () async -> Void

    func run() async {
        var spooled: [String: Int] = [:]
        for await keys in store.changes(of: [.event]) {
            var events: [Resource] = []
            for key in keys {
                guard let event = try? await store.find(key) else {
                    spooled[key.description] = nil
                    continue
                }
                let count = max(event.value["count"]?.intValue ?? 1, event.value["series"]?["count"]?.intValue ?? 1)
                if let former = spooled[key.description], count < former * 2 { continue }
                spooled[key.description] = count
                events.append(event)
            }
            do {
                try await outbox.append(events.sorted { $0.resourceVersion < $1.resourceVersion }.map(\.value))
                if !events.isEmpty { await added() }
            } catch {
                logger.error("cannot spool events for the hub", metadata: ["error": "\(error)"])
            }
            // Collects what comes together into one commit.
            try? await clock.sleep(for: .seconds(1))
        }
    }
}
