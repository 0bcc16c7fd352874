import Testing

@testable import NodeAgent

@Suite struct ProbeTests {
    private func plan(
        startup: ProbePlan? = nil, liveness: ProbePlan? = nil, readiness: ProbePlan? = nil
    ) -> PodPlan {
        var container = ContainerPlan.simple("web")
        container.startup = startup
        container.liveness = liveness
        container.readiness = readiness
        return .simple(containers: [container])
    }

    private func running(_ plan: PodPlan) -> MachineDriver {
        var pod = MachineDriver(plan)
        pod.prepare()
        pod.run("web")
        return pod
    }

    private let tcp = ProbePlan(action: .tcp(host: nil, port: 80), period: .seconds(5), failureThreshold: 3)

    private func answer(_ pod: inout MachineDriver, _ kind: ProbeKind, _ success: Bool, attempt: Int = 0) {
        pod.send("web", .probed(attempt: attempt, kind, success: success, message: "refused"))
    }

    @Test func aLivenessProbeRestartsTheContainerAtItsThreshold() {
        var pod = running(plan(liveness: tcp))
        for round in 1...3 {
            #expect(pod.drain().probes == [.liveness])
            answer(&pod, .liveness, false)
            if round < 3 {
                #expect(pod.drain().stops.isEmpty)
                pod.advance(.seconds(5))
            }
        }
        let effects = pod.drain()
        #expect(effects.stops == ["web"])
        #expect(effects.events.contains("Killing: Container web failed liveness probe, will be restarted"))
        #expect(effects.events.contains("Unhealthy: Liveness probe failed: refused"))
        pod.exit("web", code: 143)
        #expect(pod.drain().starts == ["web"])
    }

    @Test func aSuccessInBetweenStartsTheCountAnew() {
        var pod = running(plan(liveness: tcp))
        for success in [false, false, true, false, false] {
            answer(&pod, .liveness, success)
            pod.advance(.seconds(5))
        }
        #expect(pod.drain().stops.isEmpty)
    }

    @Test func aContainerIsReadyWhenItsReadinessProbePassesAndNotBefore() {
        var pod = running(plan(readiness: tcp))
        #expect(pod.published?.containers.first?.ready == false)
        answer(&pod, .readiness, false)
        #expect(pod.published?.containers.first?.ready == false)
        pod.advance(.milliseconds(60))
        #expect(pod.drain().probes == [.readiness, .readiness])
        answer(&pod, .readiness, true)
        #expect(pod.published?.containers.first?.ready == true)
    }

    @Test func threeFailuresMakeAReadyContainerUnreadyWithoutARestart() {
        var pod = running(plan(readiness: tcp))
        answer(&pod, .readiness, true)
        for _ in 1...3 {
            pod.advance(.seconds(5))
            answer(&pod, .readiness, false)
        }
        #expect(pod.published?.containers.first?.ready == false)
        #expect(pod.drain().stops.isEmpty)
    }

    @Test func earlyReadinessFailuresAreNotReported() {
        var pod = running(plan(readiness: tcp))
        answer(&pod, .readiness, false)
        _ = pod.drain()
        pod.advance(.milliseconds(60))
        answer(&pod, .readiness, false)
        #expect(pod.drain().events.isEmpty)
    }

    @Test func theOtherProbesWaitForTheStartupProbe() {
        var pod = running(plan(startup: tcp, liveness: tcp, readiness: tcp))
        #expect(pod.drain().probes == [.startup])
        #expect(pod.published?.containers.first?.started == false)
        answer(&pod, .startup, true)
        #expect(pod.drain().probes == [.liveness, .readiness])
        #expect(pod.published?.containers.first?.started == true)
    }

    @Test func aStartupProbeThatNeverPassesKillsAtItsThreshold() {
        var pod = running(plan(startup: tcp))
        var rounds = 0
        while pod.drain().stops.isEmpty, rounds < 100 {
            rounds += 1
            answer(&pod, .startup, false)
            if let deadline = pod.machine.nextDeadline { pod.advance(deadline - pod.now) }
        }
        #expect(pod.now >= .seconds(10))
        #expect(pod.now <= .seconds(11))
    }

    @Test func theInitialDelayIsKept() {
        var probe = tcp
        probe.initialDelay = .seconds(3)
        var pod = running(plan(liveness: probe))
        #expect(pod.drain().probes.isEmpty)
        pod.advance(.milliseconds(2900))
        #expect(pod.drain().probes.isEmpty)
        pod.advance(.milliseconds(100))
        #expect(pod.drain().probes == [.liveness])
    }

    @Test func aFailedPostStartHookKillsTheContainer() {
        var container = ContainerPlan.simple("web")
        container.hasPostStart = true
        container.readiness = tcp
        var pod = running(.simple(containers: [container]))
        #expect(pod.drain().contains(.runPostStart(container: "web", attempt: 0)))
        pod.send("web", .postStartFinished(attempt: 0, failure: "PostStartHook failed: no"))
        let effects = pod.drain()
        #expect(effects.stops == ["web"])
        #expect(effects.probes.isEmpty)
    }

    @Test func aResultOfAFormerAttemptChangesNothing() {
        var pod = running(plan(readiness: tcp))
        pod.exit("web", code: 1)
        pod.run("web", attempt: 1)
        answer(&pod, .readiness, true, attempt: 0)
        #expect(pod.published?.containers.first?.ready == false)
    }
}
