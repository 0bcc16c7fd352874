import Synchronization
import Testing

@testable import Linux

/// Signals to single threads: one to the process would find a thread of somebody else that does not block it.
struct StopSignalsTests {
    private static let handled = Atomic(0)

    /// Runs the body on a thread of its own, whose mask it may change. Expectations there would belong to no test.
    private func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            Thread.start(name: "signals") { continuation.resume(returning: body()) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `after a signal the program is not replaced, though nobody read it`() async {
        let replacements = await onThread {
            let signals = StopSignals([SIGUSR1])
            var replacements: [String] = []
            _ = signals.heed()
            signals.unlessArrived { replacements.append("before") }
            raise(SIGUSR1)
            signals.takeNext()
            signals.unlessArrived { replacements.append("after") }
            return replacements
        }
        #expect(replacements == ["before"])
    }

    @Test(.timeLimit(.minutes(1))) func `who heeds the signals reads them`() async {
        let (made, make) = AsyncStream<AsyncStream<Int32>>.makeStream()
        await onThread {
            let signals = StopSignals([SIGUSR1])
            make.yield(signals.heed())
            raise(SIGUSR1)
            signals.takeNext()
        }
        var stream = made.makeAsyncIterator()
        var signals = await stream.next()?.makeAsyncIterator()
        #expect(await signals?.next() == SIGUSR1)
    }

    @Test(.timeLimit(.minutes(1))) func `a signal that nobody heeds does what it always does`() async {
        signal(SIGUSR2) { _ in StopSignalsTests.handled.add(1, ordering: .relaxed) }
        defer { signal(SIGUSR2, SIG_DFL) }
        let handled = await onThread {
            let signals = StopSignals([SIGUSR2])
            // It is blocked before and after.
            return (0..<2).flatMap { _ in
                raise(SIGUSR2)
                let blocked = Self.handled.load(ordering: .relaxed)
                signals.takeNext()
                return [blocked, Self.handled.load(ordering: .relaxed)]
            }
        }
        #expect(handled == [0, 1, 1, 2])
    }

    /// A thread that takes signals, as /proc shows it.
    private struct Server: Sendable {
        let signals: StopSignals
        let thread: pthread_t
        let directory: String

        func field(_ name: String) -> Substring? {
            guard let bytes = try? Files.read("\(directory)/status") else { return nil }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("\(name):") }?
                .dropFirst(name.count + 1).drop { $0.isWhitespace }
        }

        var waits: Int? { field("voluntary_ctxt_switches").flatMap { Int($0) } }
        var isPending: Bool {
            (field("SigPnd").flatMap { UInt64($0, radix: 16) } ?? 0) & 1 << UInt64(SIGUSR1 - 1) != 0
        }

        /// Waits until the condition holds or the deadline is over.
        func wait(_ condition: () -> Bool) -> Bool {
            for _ in 0..<10_000 {
                if condition() { return true }
                usleep(1_000)  // poll
            }
            return false
        }
    }

    private final class End: Sendable {
        let isNear = Mutex(false)
    }

    @Test(.timeLimit(.minutes(1))) func `a signal during a replacement stays pending`() async throws {
        let (made, make) = AsyncStream<Server>.makeStream()
        let end = End()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await onThread {
                    let signals = StopSignals([SIGUSR1])
                    _ = signals.heed()
                    var link = [CChar](repeating: 0, count: 64)
                    readlink("/proc/thread-self", &link, link.count - 1)
                    let name = String(decoding: link.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    make.yield(Server(signals: signals, thread: pthread_self(), directory: "/proc/\(name)"))
                    while !end.isNear.withLock({ $0 }) { signals.takeNext() }
                }
            }
            var servers = made.makeAsyncIterator()
            guard let server = await servers.next() else { return }
            let wasPending = await onThread {
                var wasPending = false
                guard server.wait({ server.field("State")?.first == "S" }) else { return false }
                server.signals.unlessArrived {
                    let waits = server.waits ?? 0
                    end.isNear.withLock { $0 = true }
                    pthread_kill(server.thread, SIGUSR1)
                    // It has woken, and waits for the end of this.
                    wasPending = server.wait { server.waits ?? .max > waits } && server.isPending
                }
                return wasPending
            }
            #expect(wasPending)
            await group.waitForAll()
            var ran = false
            server.signals.unlessArrived { ran = true }
            #expect(!ran)
        }
    }
}
