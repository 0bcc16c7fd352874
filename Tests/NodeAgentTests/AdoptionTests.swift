import Testing

@testable import NodeAgent

@Suite struct AdoptionTests {
    private func history(_ state: ContainerHistory.State, restarts: Int = 2, ready: Bool = true) -> ContainerHistory {
        var history = ContainerHistory()
        history.state = state
        history.restartCount = restarts
        history.wasStarted = true
        history.wasReady = ready
        return history
    }

    private func start(_ hash: String = "h") -> ContainerStart {
        ContainerStart(containerID: "web-2", imageID: "i", startedAt: "2026-01-01T00:00:00Z", specHash: hash)
    }

    @Test func aRunningContainerIsKeptWithItsCountersAndStaysReady() {
        var container = ContainerPlan.simple("web")
        container.readiness = ProbePlan(action: .tcp(host: nil, port: 80))
        var pod = MachineDriver(.simple(containers: [container]), history: ["web": history(.running(start()))])
        pod.prepare()
        let effects = pod.drain()
        #expect(effects.starts.isEmpty)
        #expect(effects.stops.isEmpty)
        #expect(pod.published?.phase == .running)
        #expect(pod.published?.containers.first?.restartCount == 2)
        #expect(pod.published?.containers.first?.ready == true)
    }

    @Test func aContainerMadeFromAnotherSpecificationIsReplaced() {
        var pod = MachineDriver(.simple(), history: ["web": history(.running(start("old")))])
        #expect(pod.drain().stops == ["web"])
        pod.prepare()
        pod.exit("web", attempt: 2, code: 143)
        #expect(pod.drain().starts == ["web"])
        #expect(pod.published?.containers.first?.restartCount == 3)
    }

    @Test func anEndWhileTheAgentWasAwayIsReportedAndThePolicyApplies() {
        let end = MachineDriver.end("web", 2, 42)
        var pod = MachineDriver(.simple(), history: ["web": history(.ended(end, imageID: "i"))])
        pod.prepare()
        #expect(pod.drain().starts == ["web"])
        pod.run("web", attempt: 3)
        #expect(pod.published?.containers.first?.last?.exitCode == 42)
        #expect(pod.published?.containers.first?.restartCount == 3)

        var never = MachineDriver(.simple(.never), history: ["web": history(.ended(end, imageID: "i"))])
        never.prepare()
        #expect(never.drain().starts.isEmpty)
        #expect(never.published?.phase == .failed)
        #expect(never.published?.containers.first?.state == .terminated(end))
    }

    @Test func afterARebootEverythingStartsAnewInitContainersIncluded() {
        let initEnd = MachineDriver.end("i", 0, 0)
        var pod = MachineDriver(
            .simple(initial: [.simple("i")]),
            history: [
                "i": history(.lost(initEnd), restarts: 0),
                "web": history(.lost(MachineDriver.end("web", 2, 137, "ContainerStatusUnknown"))),
            ])
        pod.prepare()
        #expect(pod.drain().starts == ["i"])
        pod.run("i", attempt: 1)
        pod.exit("i", attempt: 1, code: 0)
        #expect(pod.drain().starts == ["web"])
        pod.run("web", attempt: 3)
        #expect(pod.published?.containers.first?.restartCount == 3)
        #expect(pod.published?.phase == .running)
    }

    @Test func aCompletedPodStaysCompleted() {
        let end = MachineDriver.end("web", 0, 0)
        var pod = MachineDriver(
            .simple(.onFailure), history: ["web": history(.ended(end, imageID: "i"), restarts: 0)], isCompleted: true)
        let effects = pod.drain()
        #expect(!effects.contains(.prepare))
        #expect(pod.published?.phase == .succeeded)
        pod.send(.deleted(grace: .seconds(30)))
        #expect(pod.drain().contains(.tearDown(removeData: true)))
    }
}
