import Linux
import Resources
import Testing

@testable import NodeAgent

@Suite struct DeadlineTests {
    private func plan(
        _ seconds: Int, _ policy: PodPlan.RestartPolicy = .always, initial: [ContainerPlan] = []
    ) -> PodPlan {
        var plan = PodPlan.simple(policy, initial: initial)
        plan.terminationGracePeriod = .seconds(7)
        plan.activeDeadline = .seconds(seconds)
        return plan
    }

    @Test func aPodWhoseDeadlineIsOverIsStoppedWithItsGraceAndThenHasFailed() {
        var pod = MachineDriver(plan(60))
        pod.prepare()
        pod.run("web")
        _ = pod.drain()
        pod.advance(.seconds(59))
        #expect(pod.drain().stops.isEmpty)
        pod.advance(.seconds(1))
        let effects = pod.drain()
        #expect(effects.contains(.stop(container: "web", attempt: 0, grace: .seconds(7), runPreStop: false)))
        #expect(
            effects.events.first == "DeadlineExceeded: Pod was active on the node longer than the specified deadline")
        #expect(pod.published?.phase == .running && pod.published?.failure == nil)
        #expect(pod.machine.nextDeadline == nil)
        // A program that ends well has failed all the same, and nothing follows it.
        pod.exit("web", code: 0)
        #expect(pod.published?.phase == .failed && pod.published?.failure == .deadlineExceeded)
        let last = pod.drain()
        #expect(last.contains(.releaseSandbox) && last.starts.isEmpty)
        #expect(!last.contains(.deleteObject) && !last.contains(.tearDown(removeData: true)))
    }

    @Test func theDeadlineCountsWhileThePodCannotStart() {
        var pod = MachineDriver(plan(60, initial: [.simple("i")]))
        pod.send(.preparationFailed(reason: "FailedMount", message: "no"))
        pod.advance(.seconds(50))
        pod.prepare()
        pod.send("i", .imageFailed(reason: "ErrImagePull", message: "no"))
        _ = pod.drain()
        pod.advance(.seconds(10))
        #expect(pod.published?.phase == .failed)
        #expect(pod.drain().contains(.releaseSandbox))
        pod.send("i", .imageReady)
        #expect(!pod.drain().contains(.start(container: "i", attempt: 0)))
    }

    @Test func aContainerThatNeverRanIsNotSaidToWaitWhenItsPodHasFailed() throws {
        var pod = MachineDriver(plan(60))
        pod.prepare()
        pod.send("web", .imageFailed(reason: "ErrImagePull", message: "no"))
        pod.advance(.seconds(60))
        #expect(pod.published?.containers.first?.state == .terminated(.neverRan))
    }

    @Test func whatWasBeforeThisAgentCounts() {
        var running = ContainerHistory()
        running.state = .running(
            ContainerStart(containerID: "web-0", imageID: "i", startedAt: "2026-01-01T00:00:00Z", specHash: "h"))
        var machine = PodMachine(plan: plan(60), history: ["web": running], activeFor: .seconds(55))
        _ = machine.begin(now: .seconds(1000))
        #expect(machine.nextDeadline == .seconds(1005))
        #expect(machine.activeTime(at: .seconds(1000)) == .seconds(55))
        #expect(machine.handle(.tick, now: .seconds(1004)).stops.isEmpty)
        #expect(machine.handle(.tick, now: .seconds(1005)).stops == ["web"])

        var late = PodMachine(plan: plan(60), history: ["web": running], activeFor: .seconds(61))
        #expect(late.begin(now: .seconds(1000)).stops == ["web"])
    }

    @Test func aPodThatHasFailedByItsDeadlineStaysSo() {
        var ended = ContainerHistory()
        ended.state = .ended(MachineDriver.end("web", 0, 0), imageID: "i")
        var machine = PodMachine(
            plan: plan(60), history: ["web": ended], isCompleted: true, failure: .deadlineExceeded)
        _ = machine.begin(now: .zero)
        #expect(machine.view.phase == .failed && machine.view.failure == .deadlineExceeded)
        #expect(machine.handle(.tick, now: .seconds(100)).isEmpty)
    }

    @Test func aPodThatHasCompletedBeforeItsDeadlineHasNotFailed() {
        var pod = MachineDriver(plan(60, .never))
        pod.prepare()
        pod.run("web")
        pod.exit("web", code: 0)
        pod.advance(.seconds(100))
        #expect(pod.published?.phase == .succeeded && pod.published?.failure == nil)
    }

    @Test func aDeadlineThatComesLaterCountsFromTheStart() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.run("web")
        pod.advance(.seconds(50))
        pod.send(.planChanged(plan(55)))
        #expect(pod.machine.nextDeadline == .seconds(55))
        pod.advance(.seconds(5))
        #expect(pod.drain().stops == ["web"])
    }

    @Test func whoIsDeletedOrShutDownDuringTheGraceGoes() {
        for (event, effect) in [
            (PodEvent.deleted(grace: .seconds(1)), PodEffect.tearDown(removeData: true)),
            (.vanished, .tearDown(removeData: true)), (.shutdown, .tearDown(removeData: false)),
        ] {
            var pod = MachineDriver(plan(60))
            pod.prepare()
            pod.run("web")
            pod.advance(.seconds(60))
            pod.send(event)
            pod.exit("web", code: 143)
            #expect(pod.drain().contains(effect))
        }
    }

    // MARK: What is known of the time before this agent

    private let start = Timestamp(seconds: 1_800_000_000)

    private func elapsed(_ mark: ActiveTime.Mark?, date: Int64, startTime: Timestamp?) -> Duration {
        ActiveTime.elapsed(
            since: mark, in: "b", at: MonotonicInstant(nanoseconds: 90_000_000_000), startTime: startTime, date: date)
    }

    @Test func withinABootTheDateDecidesNothing() {
        let mark = ActiveTime.Mark(boot: "b", since: MonotonicInstant(nanoseconds: 30_000_000_000))
        for date in [0, start.seconds - 5, start.seconds + 5, start.seconds + 2_000_000_000] {
            #expect(elapsed(mark, date: date, startTime: start) == .seconds(60))
        }
        #expect(ActiveTime.Mark(mark.text) == mark)
        #expect(ActiveTime.Mark("b") == nil && ActiveTime.Mark("b x") == nil)
    }

    @Test func afterARebootAPlausibleDateCountsAndAJumpOfYearsDoesNot() {
        let other = ActiveTime.Mark(boot: "a", since: MonotonicInstant(nanoseconds: 0))
        let day: Int64 = 86_400
        for mark in [nil, other] {
            #expect(elapsed(mark, date: start.seconds + day, startTime: start) == .seconds(day))
            #expect(elapsed(mark, date: start.seconds + 400 * day, startTime: start) == .zero)
            #expect(elapsed(mark, date: start.seconds - 1, startTime: start) == .zero)
            #expect(elapsed(mark, date: 1_800_000_000, startTime: Timestamp(seconds: 100)) == .zero)
            #expect(elapsed(mark, date: 100, startTime: nil) == .zero)
        }
    }
}
