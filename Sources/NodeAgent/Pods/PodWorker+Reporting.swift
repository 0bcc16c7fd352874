import JSON
import Linux
import Logging
import ResourceStore
import Resources

extension PodWorker {
    /// A start takes some 20 ms: storing the state before it would cost a write to flash and tell nobody anything.
    static let launchPatience = Duration.milliseconds(50)

    /// Publishes what is pending unless that is being done.
    func publishIfIdle() async {
        if isPublishing { return }
        isPublishing = true
        await publishPending()
    }

    /// Stores the newest state of the pod; states that came meanwhile are folded into one write.
    func publishPending() async {
        while let view = pendingView {
            pendingView = nil
            do {
                try await publish(view)
                // Not while a successor starts: that is what people wait for.
                if !isLaunching { await dropDiscarded() }
            } catch let error as StatusError where error.code == 404 || error.code == 409 {
                break
            } catch {
                // A full or failing disk: the containers run on, the newest state is stored when it works again.
                context.logger.error("pod status can't be stored", metadata: ["pod": "\(key)", "error": "\(error)"])
                if pendingView == nil { pendingView = view }
                if (try? await context.clock.sleep(.seconds(5))) == nil { break }
            }
        }
        isPublishing = false
    }

    private func publish(_ view: PodView) async throws {
        let uid = uid
        let facts = await facts()
        let now = Timestamp(seconds: WallClock.now().seconds)
        try await context.store.update(key, subresource: .status) { resource in
            guard resource.uid == uid else { throw StatusError.notFound(resource.key) }
            var pod = try resource.decode(as: Pod.self)
            pod.status = PodStatusWriter(pod: pod, facts: facts, now: now).status(view)
            resource.value["status"] = try Resource(encoding: pod).value["status"]
        }
    }

    func record(_ event: PodEventRecord) async {
        await context.recorder.record(
            type: event.isWarning ? "Warning" : "Normal", reason: event.reason, message: event.message, on: resource,
            fieldPath: event.container.map { "spec.\(list(of: $0)){\($0)}" })
    }

    private func list(of container: String) -> String {
        if pod.spec.initContainers?.contains(where: { $0.name == container }) == true { return "initContainers" }
        return pod.spec.containers.contains { $0.name == container } ? "containers" : "ephemeralContainers"
    }

    /// What the pod knows of itself and the node.
    func facts() async -> PodFacts {
        let hostIP = await context.node.address
        return PodFacts(
            nodeName: context.nodeName, hostIP: hostIP, podIP: pod.spec.hostNetwork == true ? hostIP : nil)
    }

    /// As Kubernetes' taint manager does it: the reason stands in the status while the pod goes.
    func evict() async {
        let (uid, now) = (uid, Timestamp(seconds: WallClock.now().seconds))
        do {
            try await context.store.update(key, subresource: .status) { resource in
                guard resource.uid == uid else { throw StatusError.notFound(resource.key) }
                var pod = try resource.decode(as: Pod.self)
                let condition = PodCondition(
                    type: "DisruptionTarget", status: "True", lastTransitionTime: now, reason: "DeletionByTaintManager",
                    message: "Taint manager: deleting due to NoExecute taint")
                let others = (pod.status?.conditions ?? []).filter { $0.type != condition.type }
                pod.status?.conditions = others + [condition]
                resource.value["status"] = try Resource(encoding: pod).value["status"]
            }
        } catch {
            context.logger.warning(
                "the pod's eviction can't be noted", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
        await delete(DeleteOptions(uid: uid))
    }

    /// Goes on until the object is deleted, or another one.
    func delete(_ options: DeleteOptions) async {
        var wait = Duration.milliseconds(200)
        while !Task.isCancelled {
            do {
                try await context.store.delete(key, options)
                return
            } catch let error as StatusError where error.code == 404 || error.code == 409 {
                return
            } catch {
                context.logger.error("pod can't be deleted", metadata: ["pod": "\(key)", "error": "\(error)"])
                try? await context.clock.sleep(wait)
                wait = min(wait * 2, .seconds(30))
            }
        }
    }
}
