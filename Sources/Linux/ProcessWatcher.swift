import Synchronization

/// Tells when processes end. One thread watches all pidfds; no signal is involved, and the processes need not be children.
public final class ProcessWatcher: Sendable {
    private let loop: WatchLoop

    /// Starts the thread, which ends with the watcher.
    public init() {
        loop = WatchLoop()
        Thread.start(name: "process-watch", stackSize: 256 << 10) { [loop] in loop.run() }
    }

    deinit { loop.stop() }

    /// Returns when the process has ended, at once when it already has, or when the task is cancelled.
    ///
    /// - Parameter pidfd: duplicated inside; the caller keeps its own.
    public func waitForExit(ofPid pid: pid_t, pidfd: Int32) async {
        let ticket = loop.ticket()
        await withTaskCancellationHandler {
            await withCheckedContinuation { loop.add(ticket, pidfd: pidfd, continuation: $0) }
        } onCancel: {
            loop.finish(ticket)
        }
        loop.forget(ticket)
    }
}

private final class WatchLoop: Sendable {
    private struct Watch {
        let pidfd: Int32
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var watches: [UInt64: Watch] = [:]
        var cancelled: Set<UInt64> = []
        var nextTicket: UInt64 = 1
        var isStopped = false
    }

    private let state = Mutex(State())
    private let epoll: Int32
    private let wake: Int32

    init() {
        epoll = wherry_epoll_create()
        wake = wherry_eventfd()
        precondition(epoll >= 0 && wake >= 0, "epoll: \(Errno.last)")
        _ = wherry_epoll_control(epoll, 1, wake, 1, 0)
    }

    deinit {
        close(epoll)
        close(wake)
    }

    func ticket() -> UInt64 {
        state.withLock { state in
            defer { state.nextTicket += 1 }
            return state.nextTicket
        }
    }

    func add(_ ticket: UInt64, pidfd: Int32, continuation: CheckedContinuation<Void, Never>) {
        let copy = wherry_fcntl_integer(pidfd, F_DUPFD_CLOEXEC, 3)
        let isWatching = state.withLock { state in
            guard copy >= 0, state.cancelled.remove(ticket) == nil else { return false }
            state.watches[ticket] = Watch(pidfd: copy, continuation: continuation)
            return wherry_epoll_control(epoll, 1, copy, 1, ticket) == 0
        }
        if isWatching { return }
        // Not watched: cancelled, or no descriptor to be had. The caller looks at the process itself.
        if state.withLock({ $0.watches.removeValue(forKey: ticket) }) != nil || copy >= 0 { close(copy) }
        continuation.resume()
    }

    func finish(_ ticket: UInt64) {
        let watch = state.withLock { state in
            let watch = state.watches.removeValue(forKey: ticket)
            if watch == nil { state.cancelled.insert(ticket) }
            return watch
        }
        if let watch { end(watch) }
    }

    /// A cancellation that came too late has left its mark.
    func forget(_ ticket: UInt64) {
        _ = state.withLock { $0.cancelled.remove(ticket) }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    func run() {
        var events = [wherry_event](repeating: wherry_event(), count: 16)
        while true {
            let count = wherry_epoll_wait(epoll, &events, Int32(events.count), -1)
            for event in events.prefix(Int(max(count, 0))) where event.tag != 0 {
                if let watch = state.withLock({ $0.watches.removeValue(forKey: event.tag) }) { end(watch) }
            }
            let abandoned: [Watch]? = state.withLock { state in
                guard state.isStopped else { return nil }
                defer { state.watches = [:] }
                return Array(state.watches.values)
            }
            if let abandoned {
                for watch in abandoned { end(watch) }
                return
            }
        }
    }

    private func end(_ watch: Watch) {
        _ = wherry_epoll_control(epoll, 2, watch.pidfd, 0, 0)
        close(watch.pidfd)
        watch.continuation.resume()
    }
}
