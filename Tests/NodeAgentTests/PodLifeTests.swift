import Testing

@testable import NodeAgent

@Suite struct PodLifeTests {
    @Test func initContainersRunOneAfterAnotherBeforeTheOthers() {
        var pod = MachineDriver(
            .simple(containers: [.simple("a"), .simple("b")], initial: [.simple("i1"), .simple("i2")]))
        pod.prepare()
        #expect(pod.drain().starts == ["i1"])
        #expect(pod.published?.containers.first?.state == .waiting(reason: "PodInitializing", message: nil))
        pod.run("i1")
        #expect(pod.drain().starts.isEmpty)
        pod.exit("i1", code: 0)
        #expect(pod.drain().starts == ["i2"])
        pod.run("i2")
        pod.exit("i2", code: 0)
        #expect(pod.drain().starts == ["a", "b"])
        #expect(pod.published?.initialized == true)
    }

    @Test func aFailedInitContainerIsTriedAgainUnlessThePolicyIsNever() {
        var pod = MachineDriver(.simple(.always, initial: [.simple("i")]))
        pod.prepare()
        pod.run("i")
        _ = pod.drain()
        pod.exit("i", code: 1)
        #expect(pod.drain().starts == ["i"])

        var never = MachineDriver(.simple(.never, initial: [.simple("i")]))
        never.prepare()
        never.run("i")
        _ = never.drain()
        never.exit("i", code: 1)
        #expect(never.drain().starts.isEmpty)
        #expect(never.published?.phase == .failed)
    }

    @Test func aSidecarStartsInOrderAndRunsOn() {
        var sidecar = ContainerPlan.simple("proxy")
        sidecar.isSidecar = true
        var pod = MachineDriver(.simple(.never, initial: [sidecar]))
        pod.prepare()
        pod.run("proxy")
        #expect(pod.drain().starts == ["proxy", "web"])
        pod.run("web")
        _ = pod.drain()
        pod.exit("web", code: 0)
        #expect(pod.drain().stops == ["proxy"])
        pod.exit("proxy", code: 143)
        #expect(pod.published?.phase == .succeeded)
    }

    @Test func theLastOfSeveralContainersDecidesThePhase() {
        var pod = MachineDriver(.simple(.never, containers: [.simple("a"), .simple("b")]))
        pod.prepare()
        pod.run("a")
        #expect(pod.published?.phase == .pending)
        pod.run("b")
        #expect(pod.published?.phase == .running)
        pod.exit("a", code: 0)
        #expect(pod.published?.phase == .running)
        pod.exit("b", code: 2)
        #expect(pod.published?.phase == .failed)
        #expect(pod.drain().contains(.releaseSandbox))
    }

    @Test func deletionStopsTearsDownAndThenDeletesTheObject() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.run("web")
        _ = pod.drain()
        pod.send(.deleted(grace: .seconds(7)))
        #expect(pod.drain().contains(.stop(container: "web", attempt: 0, grace: .seconds(7), runPreStop: false)))
        pod.exit("web", code: 143)
        let effects = pod.drain()
        #expect(effects.contains(.tearDown(removeData: true)))
        #expect(effects.starts.isEmpty)
        pod.send(.tornDown)
        #expect(pod.drain().contains(.deleteObject))
        #expect(pod.machine.stage == .gone)
    }

    @Test func aShorterGraceStopsAgainAndALongerOneDoesNot() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.run("web")
        pod.send(.deleted(grace: .seconds(30)))
        _ = pod.drain()
        pod.send(.deleted(grace: .seconds(30)))
        #expect(pod.drain().stops.isEmpty)
        pod.send(.deleted(grace: .zero))
        #expect(pod.drain().contains(.stop(container: "web", attempt: 0, grace: .zero, runPreStop: false)))
    }

    @Test func aPodThatIsDeletedBeforeItsImageIsHereNeverStarts() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        _ = pod.drain()
        pod.send(.deleted(grace: .seconds(30)))
        #expect(pod.drain().contains(.tearDown(removeData: true)))
        pod.send("web", .imageReady)
        #expect(!pod.drain().contains(.start(container: "web", attempt: 0)))
    }

    @Test func aPodThatIsDeletedWhileItsSandboxIsMadeIsTornDownAfterThat() {
        var pod = MachineDriver(.simple())
        pod.send(.deleted(grace: .seconds(30)))
        #expect(!pod.drain().contains(.tearDown(removeData: true)))
        pod.send(.prepared)
        let effects = pod.drain()
        #expect(effects.contains(.tearDown(removeData: true)))
        #expect(effects.starts.isEmpty)
    }

    @Test func aContainerThatStartsDuringTheDeletionIsStopped() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.send("web", .imageReady)
        pod.send(.deleted(grace: .seconds(30)))
        #expect(!pod.drain().contains(.tearDown(removeData: true)))
        pod.send(
            "web",
            .started(
                attempt: 0,
                ContainerStart(containerID: "web-0", imageID: "i", startedAt: "2026-01-01T00:00:00Z", specHash: "h")))
        #expect(pod.drain().stops == ["web"])
    }

    @Test func aVanishedPodIsTornDownWithoutTouchingTheStore() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.run("web")
        pod.send(.vanished)
        pod.exit("web", code: 143)
        pod.send(.tornDown)
        let effects = pod.drain()
        #expect(!effects.contains(.deleteObject))
        #expect(pod.machine.stage == .gone)
    }

    @Test func aFailedPreparationIsTriedAgain() {
        var pod = MachineDriver(.simple())
        pod.send(.preparationFailed(reason: "FailedMount", message: "no"))
        #expect(pod.drain().events == ["FailedMount: no"])
        pod.advance(.seconds(10))
        #expect(pod.drain().contains(.prepare))
        pod.send(.preparationFailed(reason: "FailedMount", message: "no"))
        _ = pod.drain()
        pod.send(.configurationChanged)
        #expect(pod.drain().contains(.prepare))
    }
}
