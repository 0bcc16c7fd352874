import Testing

@testable import NodeAgent

@Suite struct TaintTests {
    private func running() -> MachineDriver {
        var plan = PodPlan.simple()
        plan.qualifiedName = "default/web"
        var pod = MachineDriver(plan)
        pod.prepare()
        pod.run("web")
        _ = pod.drain()
        return pod
    }

    private static let marked = "TaintManagerEviction: Marking for deletion Pod default/web"
    private static let cancelled = "TaintManagerEviction: Cancelling deletion of Pod default/web"

    @Test func aPodThatDoesNotTolerateATaintIsEvictedOnce() {
        var pod = running()
        pod.send(.toleranceChanged(.limited(.zero)))
        let effects = pod.drain()
        #expect(effects.contains(.evict) && effects.events == [Self.marked])
        #expect(effects.stops.isEmpty, "the deletion stops it, with its grace")
        pod.send(.tick)
        pod.send(.toleranceChanged(.limited(.seconds(1))))
        pod.advance(.seconds(10))
        pod.send(.toleranceChanged(.forever))
        #expect(pod.drain().isEmpty)
        pod.send(.deleted(grace: .seconds(7)))
        #expect(pod.drain().contains(.stop(container: "web", attempt: 0, grace: .seconds(7), runPreStop: false)))
    }

    @Test func aTaintIsToleratedForAsLongAsThePodSays() {
        var pod = running()
        pod.advance(.seconds(100))
        pod.send(.toleranceChanged(.limited(.seconds(30))))
        pod.advance(.seconds(29))
        // Another taint, less tolerated: the time counts from the first.
        pod.send(.toleranceChanged(.limited(.seconds(40))))
        pod.advance(.seconds(10))
        #expect(pod.drain().isEmpty)
        pod.advance(.seconds(1))
        #expect(pod.drain().contains(.evict))
    }

    @Test func aTaintThatGoesInTimeIsForgotten() {
        var pod = running()
        pod.send(.toleranceChanged(.limited(.seconds(30))))
        pod.advance(.seconds(29))
        pod.send(.toleranceChanged(.forever))
        #expect(pod.drain().events == [Self.cancelled])
        #expect(pod.machine.nextDeadline == nil)
        pod.send(.toleranceChanged(.limited(.seconds(30))))
        pod.advance(.seconds(29))
        #expect(pod.drain().isEmpty)
    }

    @Test func aPodThatCannotStartIsEvictedToo() {
        var pod = MachineDriver(.simple())
        pod.send(.preparationFailed(reason: "FailedMount", message: "no"))
        pod.send(.toleranceChanged(.limited(.zero)))
        #expect(pod.drain().contains(.evict))
    }

    @Test func aPodThatHasEndedStays() {
        var pod = MachineDriver(.simple(.never))
        pod.prepare()
        pod.run("web")
        pod.exit("web", code: 0)
        _ = pod.drain()
        pod.send(.toleranceChanged(.limited(.zero)))
        pod.send(.toleranceChanged(.forever))
        #expect(pod.drain().isEmpty)
    }
}
