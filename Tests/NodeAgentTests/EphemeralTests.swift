import Testing

@testable import NodeAgent

@Suite struct EphemeralTests {
    private func plan(_ policy: PodPlan.RestartPolicy = .always, initial: [ContainerPlan] = []) -> PodPlan {
        var plan = PodPlan.simple(policy, initial: initial)
        plan.ephemeralContainers = [.simple("look")]
        return plan
    }

    private func running() -> MachineDriver {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.run("web")
        _ = pod.drain()
        return pod
    }

    @Test func oneThatIsAddedStartsAndIsNeverStartedAgain() {
        var pod = running()
        pod.send(.planChanged(plan()))
        #expect(pod.drain().starts == ["look"])
        pod.run("look")
        pod.exit("look", code: 1)
        pod.advance(.seconds(600))
        #expect(pod.drain().starts.isEmpty)
        #expect(pod.published?.phase == .running)
        #expect(pod.published?.containers.count == 1)
        #expect(pod.published?.ephemeralContainers.first?.state == .terminated(MachineDriver.end("look", 0, 1)))
    }

    @Test func itWaitsForNoInitContainer() {
        var pod = MachineDriver(.simple(initial: [.simple("i")]))
        pod.prepare()
        pod.run("i")
        _ = pod.drain()
        pod.send(.planChanged(plan(initial: [.simple("i")])))
        #expect(pod.drain().starts == ["look"])
        #expect(pod.published?.phase == .pending)
    }

    @Test func itKeepsNoPodAlive() {
        var pod = MachineDriver(.simple(.never))
        pod.prepare()
        pod.run("web")
        pod.send(.planChanged(plan(.never)))
        pod.run("look")
        _ = pod.drain()
        pod.exit("web", code: 0)
        #expect(pod.drain().stops == ["look"])
        pod.exit("look", code: 143)
        #expect(pod.published?.phase == .succeeded)
    }

    @Test func anotherAgentTakesItOverWhateverItsHashAndARebootEndsIt() {
        var history = ContainerHistory()
        history.state = .running(
            ContainerStart(containerID: "look-0", imageID: "i", startedAt: "2026-01-01T00:00:00Z", specHash: "other"))
        var pod = MachineDriver(plan(), history: ["look": history])
        pod.prepare()
        #expect(pod.drain().stops.isEmpty)
        #expect(pod.published?.ephemeralContainers.first?.state == .running(startedAt: "2026-01-01T00:00:00Z"))

        history.state = .lost(MachineDriver.end("look", 0, 137, "ContainerStatusUnknown"))
        var rebooted = MachineDriver(plan(), history: ["look": history])
        rebooted.prepare()
        #expect(rebooted.drain().starts == ["web"])
    }
}
