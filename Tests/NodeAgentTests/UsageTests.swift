import Testing

@testable import NodeAgent

@Suite("What pods use") struct UsageTests {
    private static let second: UInt64 = 1_000_000_000

    @Test("a rate needs a sample that is old enough and not too old")
    func readiness() {
        var history = UsageHistory()
        #expect(!history.isReady("a", at: .seconds(10)))
        history.begin("a", .init(time: .seconds(10), cpu: 0))
        #expect(!history.isReady("a", at: .milliseconds(10_500)))
        #expect(history.isReady("a", at: .seconds(11)))
        #expect(history.isReady("a", at: .seconds(130)))
        #expect(!history.isReady("a", at: .seconds(131)))
        let unknown = history.rate("b", to: .init(time: .seconds(11), cpu: 5))
        #expect(unknown == nil)
    }

    @Test("the rate is what was used in the window, in billionths of a CPU")
    func rate() {
        var history = UsageHistory()
        history.begin("a", .init(time: .zero, cpu: 100))
        let first = history.rate("a", to: .init(time: .seconds(2), cpu: 100 + Self.second))
        #expect(first == .init(nanocores: 500_000_000, window: .seconds(2)))
        // The sample stays for others that ask soon after.
        let second = history.rate("a", to: .init(time: .seconds(4), cpu: 100 + Self.second))
        #expect(second == .init(nanocores: 250_000_000, window: .seconds(4)))
    }

    @Test("after a while the newest sample takes the older one's place")
    func renewal() {
        var history = UsageHistory()
        history.begin("a", .init(time: .zero, cpu: 0))
        _ = history.rate("a", to: .init(time: .seconds(20), cpu: 10 * Self.second))
        let next = history.rate("a", to: .init(time: .seconds(21), cpu: 10 * Self.second))
        #expect(next?.nanocores == 0)
    }

    @Test("a sample that is begun twice stays the first, unless that is too old")
    func beginning() {
        var history = UsageHistory()
        history.begin("a", .init(time: .zero, cpu: 0))
        history.begin("a", .init(time: .milliseconds(500), cpu: 7))
        #expect(history.isReady("a", at: .seconds(1)))
        history.begin("a", .init(time: .seconds(500), cpu: 7))
        #expect(!history.isReady("a", at: .milliseconds(500_500)))
        history.keep(only: ["b"])
        #expect(!history.isReady("a", at: .seconds(501)))
    }

    @Test("a counter that goes back counts as no use")
    func backwards() {
        var history = UsageHistory()
        history.begin("a", .init(time: .zero, cpu: 9))
        let rate = history.rate("a", to: .init(time: .seconds(1), cpu: 3))
        #expect(rate?.nanocores == 0)
    }

    @Test("the machine's CPU is work without waiting, its memory what cannot be given up easily")
    func machine() {
        let stat = "cpu  100 10 50 9000 700 5 15 20 40 0\ncpu0 1 2 3\n"
        #expect(MachineUsage.cpu(stat) == 200 * 10_000_000)
        #expect(MachineUsage.cpu("intr 5\n") == nil)
        let info = "MemTotal:       1000 kB\nMemFree:         300 kB\nInactive(file):  200 kB\n"
        #expect(MachineUsage.memory(info) == 500 * 1024)
        #expect(MachineUsage.memory("MemFree: 1 kB\n") == nil)
    }
}
