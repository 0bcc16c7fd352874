import Testing

@testable import NodeAgent

@Suite struct RestartTests {
    private func running(_ policy: PodPlan.RestartPolicy = .always) -> MachineDriver {
        var pod = MachineDriver(.simple(policy))
        pod.prepare()
        pod.run("web")
        _ = pod.drain()
        return pod
    }

    @Test func aContainerIsStartedOnceTheSandboxStands() {
        var pod = MachineDriver(.simple())
        #expect(pod.drain().contains(.prepare))
        pod.prepare()
        #expect(pod.drain().starts == ["web"])
        pod.send("web", .imageReady)
        #expect(pod.drain().contains(.start(container: "web", attempt: 0)))
    }

    @Test func theFirstRestartIsImmediateAndTheNextOnesBackOffFromTenSecondsToFiveMinutes() {
        var pod = running()
        pod.exit("web", code: 1)
        #expect(pod.drain().starts == ["web"])
        var waits: [Int64] = []
        for attempt in 1...8 {
            pod.run("web", attempt: attempt)
            pod.exit("web", attempt: attempt, code: 1)
            #expect(pod.drain().starts.isEmpty)
            let before = pod.now
            while pod.drain().starts.isEmpty, let deadline = pod.machine.nextDeadline {
                pod.advance(deadline - pod.now)
            }
            waits.append((pod.now - before).components.seconds)
        }
        #expect(waits == [10, 20, 40, 80, 160, 300, 300, 300])
    }

    @Test func tenMinutesOfRunningMakeTheNextRestartImmediateAgain() {
        var pod = running()
        pod.exit("web", code: 1)
        pod.run("web", attempt: 1)
        pod.exit("web", attempt: 1, code: 1)
        pod.advance(.seconds(10))
        pod.run("web", attempt: 2)
        pod.advance(.seconds(600))
        _ = pod.drain()
        pod.exit("web", attempt: 2, code: 1)
        #expect(pod.drain().starts == ["web"])
    }

    @Test func backOffIsShownAsKubernetesShowsIt() throws {
        var pod = running()
        pod.exit("web", code: 1)
        pod.run("web", attempt: 1)
        pod.exit("web", attempt: 1, code: 3)
        let view = try #require(pod.published?.containers.first)
        #expect(
            view.state
                == .waiting(
                    reason: "CrashLoopBackOff",
                    message: "back-off 10s restarting failed container=web pod=web_default(uid)"))
        #expect(view.last?.exitCode == 3)
        #expect(view.restartCount == 1)
        #expect(
            pod.drain().events.contains("BackOff: Back-off restarting failed container web in pod web_default(uid)"))
    }

    @Test func restartCountAndLastStateTellOfTheFormerRun() throws {
        var pod = running()
        pod.exit("web", code: 137, reason: "OOMKilled")
        #expect(pod.drain().events.contains { $0.hasPrefix("OOMKilling") })
        pod.run("web", attempt: 1)
        let view = try #require(pod.published?.containers.first)
        #expect(view.restartCount == 1)
        #expect(view.last?.reason == "OOMKilled")
        #expect(view.state == .running(startedAt: "2026-01-01T00:00:00Z"))
    }

    @Test(arguments: [
        (PodPlan.RestartPolicy.always, Int32(0), true), (.always, 1, true), (.onFailure, 0, false),
        (.onFailure, 1, true), (.never, 0, false), (.never, 1, false),
    ])
    func thePolicyDecidesAboutARestart(policy: PodPlan.RestartPolicy, code: Int32, restarts: Bool) {
        var pod = running(policy)
        pod.exit("web", code: code)
        #expect(pod.drain().starts.isEmpty == !restarts)
        if !restarts { #expect(pod.published?.phase == (code == 0 ? .succeeded : .failed)) }
    }

    @Test func anExitThatOvertakesTheNewsOfTheStartIsNotLost() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.send("web", .imageReady)
        _ = pod.drain()
        pod.exit("web", code: 2)
        #expect(pod.drain().starts.isEmpty)
        pod.send(
            "web",
            .started(
                attempt: 0,
                ContainerStart(containerID: "web-0", imageID: "i", startedAt: "2026-01-01T00:00:00Z", specHash: "h")))
        #expect(pod.drain().starts == ["web"])
        #expect(pod.published?.containers.first?.restartCount == 1)
    }

    @Test func theSameExitToldTwiceRestartsOnce() {
        var pod = running()
        pod.exit("web", code: 1)
        pod.exit("web", code: 1)
        #expect(pod.drain().starts == ["web"])
    }

    @Test func aFailedPullIsShownAndRetriedWithBackOff() throws {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.send("web", .imageFailed(reason: "ErrImagePull", message: "no route"))
        #expect(pod.published?.containers.first?.state == .waiting(reason: "ErrImagePull", message: "no route"))
        pod.advance(.seconds(2))
        #expect(
            pod.published?.containers.first?.state
                == .waiting(reason: "ImagePullBackOff", message: "Back-off pulling image \"app:1\": no route"))
        _ = pod.drain()
        pod.advance(.seconds(7))
        #expect(pod.drain().starts.isEmpty)
        pod.advance(.seconds(1))
        #expect(pod.drain().starts == ["web"])
        #expect(pod.published?.phase == .pending)
    }

    @Test func aMissingConfigMapIsRetriedAsSoonAsItAppears() {
        var pod = MachineDriver(.simple())
        pod.prepare()
        pod.send("web", .imageReady)
        pod.send(
            "web",
            .startFailed(attempt: 0, reason: "CreateContainerConfigError", message: "configmap \"c\" not found"))
        _ = pod.drain()
        pod.send(.configurationChanged)
        #expect(pod.drain().starts == ["web"])
    }

    @Test func aChangedImageReplacesTheRunningContainerWhateverThePolicy() {
        var pod = running(.never)
        var plan = PodPlan.simple(.never)
        plan.containers[0].image = "app:2"
        plan.containers[0].specHash = "h2"
        pod.send(.planChanged(plan))
        #expect(pod.drain().stops == ["web"])
        pod.exit("web", code: 143)
        #expect(pod.drain().starts == ["web"])
        pod.run("web", attempt: 1, hash: "h2")
        #expect(pod.published?.containers.first?.image == "app:2")
    }
}
