import FleetProtocol
import Linux
import Testing

@testable import Hub

struct DeviceSessionTests {
    private func session(revision number: Int64 = 3, epoch: Int64 = 5) throws -> DeviceSession {
        var record = DeviceRecord(
            device: try DeviceID("one"), serial: "01", publicKey: "k", certificate: "c", enrolled: 0)
        if number > 0 {
            record.revision = Revision(generation: 1, number: number)
            record.digest = ContentDigest(of: [UInt8(number)])
        }
        record.epoch = epoch
        return DeviceSession(record: record)
    }

    private func hello(_ have: RevisionFloor?) -> Hello { Hello(boot: "b", agent: "1", node: "n", have: have) }
    private func at(_ seconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: seconds * 1_000_000_000) }
    private func floor(_ number: Int64, _ byte: UInt8? = nil) -> RevisionFloor {
        RevisionFloor(
            revision: Revision(generation: 1, number: number), digest: ContentDigest(of: [byte ?? UInt8(number)]))
    }

    @Test func aDeviceWithTheNewestRevisionIsOnlyAnswered() throws {
        var session = try session()
        let effects = session.handle(hello(floor(3)), epoch: 6, now: at(0))
        #expect(effects == [.save, .contactChanged, .acknowledge(wantFullReport: true)])
        #expect(session.tick(now: at(1000)) == [])
    }

    @Test func anOldRevisionIsOfferedAgainAtDoublingPausesUntilItIsAcknowledged() throws {
        var session = try session()
        #expect(session.handle(hello(floor(2)), epoch: 6, now: at(0)).last == .sendDesired)
        var resent: [Int64] = []
        for second in Int64(1)...400 where session.tick(now: at(second)).contains(.sendDesired) {
            resent.append(second)
        }
        #expect(resent == [10, 30, 70, 150, 310])

        #expect(session.handle(hello(nil), epoch: 7, now: at(500)).last == .sendDesired)
        let ack = Ack(revision: Revision(generation: 1, number: 3), level: .stored)
        #expect(session.handle(ack, epoch: 7, now: at(501)) == [.save, .acknowledgementChanged])
        #expect(session.tick(now: at(900)) == [])
        #expect(session.record.isAcknowledged)
    }

    @Test func aDeviceAheadOfTheHubMakesItNumberOn() throws {
        var session = try session()
        let effects = session.handle(hello(floor(9)), epoch: 6, now: at(0))
        #expect(effects.contains(.renumber(above: Revision(generation: 1, number: 9))))
        var other = try self.session()
        #expect(other.handle(hello(floor(3, 77)), epoch: 6, now: at(0)).contains(.renumber(above: floor(3).revision)))
    }

    @Test func aLateWillOfAnEarlierConnectionIsIgnored() throws {
        var session = try session()
        _ = session.handle(hello(floor(3)), epoch: 6, now: at(0))
        #expect(session.handle(Bye(reason: .lost), epoch: 5) == [])
        #expect(session.isConnected)
        #expect(session.handle(Bye(reason: .lost), epoch: 6) == [.contactChanged])
        #expect(!session.isConnected)
    }

    @Test func messagesOfAnEarlierEpochAreIgnored() throws {
        var session = try session()
        _ = session.handle(hello(floor(3)), epoch: 6, now: at(0))
        let (apply, effects) = session.handle(Report(full: false, entries: []), sequence: 1, epoch: 5, now: at(1))
        #expect(!apply && effects.isEmpty)
    }

    @Test func aFallingEpochIsReported() throws {
        var session = try session(epoch: 9)
        let effects = session.handle(hello(floor(3)), epoch: 2, now: at(0))
        guard case .note("Warning", "EpochRegression", _) = try #require(effects.first) else {
            Issue.record("no warning")
            return
        }
    }

    @Test func aGapInTheReportsAsksForAFullOneOnce() throws {
        var session = try session()
        _ = session.handle(hello(floor(3)), epoch: 6, now: at(0))
        #expect(session.handle(Report(full: true, entries: []), sequence: 1, epoch: 6, now: at(1)) == (true, []))
        var hello = hello(floor(3))
        hello.reports = ReportPosition(sequence: 1)
        #expect(session.handle(hello, epoch: 6, now: at(1)) == [.save, .acknowledge(wantFullReport: false)])
        #expect(session.handle(Report(full: false, entries: []), sequence: 2, epoch: 6, now: at(1)) == (true, []))
        #expect(session.handle(Report(full: false, entries: []), sequence: 2, epoch: 6, now: at(1)) == (false, []))
        #expect(
            session.handle(Report(full: false, entries: []), sequence: 4, epoch: 6, now: at(1))
                == (true, [.acknowledge(wantFullReport: true)]))
        #expect(session.handle(Report(full: false, entries: []), sequence: 7, epoch: 6, now: at(1)) == (true, []))
    }

    @Test func silenceAfterTheHubCameBackMeansUnknown() throws {
        var session = try session()
        _ = session.handle(hello(floor(3)), epoch: 6, now: at(0))
        session.brokerConnected(now: at(100), silence: .seconds(180))
        #expect(session.tick(now: at(279)) == [])
        #expect(session.tick(now: at(280)) == [.contactChanged])
        #expect(!session.isConnected)
        var speaking = try self.session()
        speaking.brokerConnected(now: at(100), silence: .seconds(180))
        _ = speaking.handle(Report(full: true, entries: []), sequence: 8, epoch: 5, now: at(120))
        #expect(speaking.isConnected)
        #expect(speaking.tick(now: at(300)) == [])
    }
}
