internal import Resources
internal import Synchronization

/// Hands committed changes to the history, the watchers and the change feeds.
///
/// One lock covers history and registration, so that a watcher that starts from a version sees every later change once.
final class WatchBroadcast: Sendable {
    private struct Watcher {
        let selection: WatchSelection
        let after: Int64
        let buffer: WatchBuffer
    }

    private struct State {
        var history: WatchHistory
        var latest: Int64
        var watchers: [Int: Watcher] = [:]
        var feeds: [Int: any ChangeReceiver] = [:]
        var nextID = 0
    }

    private static let bufferLimit = 1_024
    private let state: Mutex<State>

    init(historyLimit: Int, version: Int64) {
        state = Mutex(State(history: WatchHistory(countLimit: historyLimit, floor: version), latest: version))
    }

    var latest: Int64 { state.withLock { $0.latest } }

    func publish(_ changes: [Change]) {
        guard let last = changes.last else { return }
        state.withLock { state in
            state.latest = max(state.latest, last.version)
            for change in changes {
                state.history.append(change)
                deliver(change, state)
            }
        }
    }

    private func deliver(_ change: Change, _ state: State) {
        let type = change.resource.type
        for watcher in state.watchers.values
        where change.version > watcher.after && watcher.selection.takes(type, change.resource.namespace) {
            watcher.buffer.offer(change.event)
        }
        for feed in state.feeds.values { feed.offer(change.event) }
    }

    /// Starts a watch after `version`, nil for "from now"; `initial` events come first.
    func subscribe(
        _ selection: WatchSelection, after version: Int64?, initial: [WatchEvent] = []
    ) throws(StatusError) -> WatchStream {
        let result = state.withLock { state -> Result<WatchSubscription, StatusError> in
            let after = version ?? state.latest
            if after < state.history.floor {
                return .failure(.expired(requested: String(after), oldest: String(state.history.floor)))
            }
            let missed = after < state.latest ? state.history.events(after: after, selection) : []
            let buffer = WatchBuffer(limit: Self.bufferLimit, initial: initial + missed)
            state.nextID += 1
            state.watchers[state.nextID] = Watcher(selection: selection, after: after, buffer: buffer)
            return .success(WatchSubscription(buffer: buffer, broadcast: self, id: state.nextID))
        }
        return WatchStream(subscription: try result.get())
    }

    /// See ``WatchHistory/states(at:_:)``.
    ///
    /// - Throws: 410 when the history does not reach back so far.
    func states(at version: Int64, _ selection: WatchSelection) throws(StatusError) -> [ListPosition: Resource?] {
        let (floor, states) = state.withLock { state in
            (state.history.floor, version < state.history.floor ? [:] : state.history.states(at: version, selection))
        }
        if version < floor { throw .expired(requested: String(version), oldest: String(floor)) }
        return states
    }

    func bookmark(_ id: Int) {
        state.withLock { state in
            guard let watcher = state.watchers[id], let type = watcher.selection.types.first else { return }
            let resource = Resource.bookmark(of: type, version: max(state.latest, watcher.after))
            watcher.buffer.offer(
                WatchEvent(
                    kind: .bookmark, resource: resource, previous: nil,
                    resourceVersion: resource.resourceVersion))
        }
    }

    /// Ends the watches of a type, by its `plural.group`: the consumers get what waits first.
    func endWatches(of name: String) {
        let buffers = state.withLock { state in
            state.watchers.values.filter { watcher in watcher.selection.types.contains { $0.qualifiedName == name } }
                .map(\.buffer)
        }
        for buffer in buffers { buffer.finish(nil) }
    }

    func removeWatcher(_ id: Int) { state.withLock { $0.watchers[id] = nil } }

    func addFeed(_ feed: any ChangeReceiver) -> Int {
        state.withLock { state in
            state.nextID += 1
            state.feeds[state.nextID] = feed
            return state.nextID
        }
    }

    func removeFeed(_ id: Int) { state.withLock { $0.feeds[id] = nil } }

    /// Ends every stream: the store closes.
    func finish() {
        let (watchers, feeds) = state.withLock { (Array($0.watchers.values), Array($0.feeds.values)) }
        for watcher in watchers { watcher.buffer.finish(nil) }
        for feed in feeds { feed.finish() }
    }
}
