internal import Synchronization

/// The signals by which a process is told to end, taken one at a time and by one thread.
///
/// They are blocked in every thread: a blocked signal that nobody took stays pending, also over an execve. A handler (Dispatch's
/// sources have one) would lose what it caught with the threads that end there.
public final class StopSignals: Sendable {
    /// SIGTERM and SIGINT. To be touched first by the main thread, before there is another, which would not block them.
    public static let process = StopSignals([SIGTERM, SIGINT])

    private struct State {
        var isHeeded = false
        var hasArrived = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    private let stream: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation

    /// Blocks the signals in this thread and in those that it will start, and no others: a program that started itself again
    /// has the mask of the thread that did it.
    init(_ signals: [Int32]) {
        var set = Self.set(signals)
        pthread_sigmask(SIG_SETMASK, &set, nil)
        descriptor = signals.withUnsafeBufferPointer { list in
            list.baseAddress.map { wherry_signalfd($0, list.count) } ?? -1
        }
        precondition(descriptor >= 0, "signalfd failed: \(Errno.last)")
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    deinit { close(descriptor) }

    /// The signals from now on, for one reader. From now on, too, they do nothing else: who reads no more is not ended by them.
    public func heed() -> AsyncStream<Int32> {
        state.withLock { $0.isHeeded = true }
        return stream
    }

    /// Does what cannot be undone, unless a signal came. One that comes meanwhile is left pending, for the program that this
    /// one becomes.
    public func unlessArrived<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
        try state.withLock { state throws(Failure) in
            if !state.hasArrived { try body() }
        }
    }

    /// Takes the signals, for ever; where the main thread stays. Until they are heeded they do what they do to any program.
    public func serve() -> Never {
        while true { takeNext() }
    }

    func takeNext() {
        var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&ready, 1, -1) > 0 else { return }
        let unheeded = state.withLock { state -> Int32? in
            guard let signal = read() else { return nil }
            guard state.isHeeded else { return signal }
            state.hasArrived = true
            continuation.yield(signal)
            return nil
        }
        if let unheeded { deliver(unheeded) }
    }

    private func read() -> Int32? {
        var information = [UInt32](repeating: 0, count: 32)  // struct signalfd_siginfo; the number comes first
        guard Linux.read(descriptor, &information, 128) == 128 else { return nil }
        return Int32(bitPattern: information[0])
    }

    /// Mostly the end.
    private func deliver(_ signal: Int32) {
        var set = Self.set([signal])
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(signal)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}
