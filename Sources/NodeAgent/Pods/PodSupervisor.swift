import ContainerEngine
import JSON
import Linux
import Logging
import ResourceStore
import Resources

/// Makes the pods that run here match the pods in the store: one worker per pod.
///
/// Level-triggered: a change only says where to look; what is done follows from the object as it is now.
actor PodSupervisor {
    private let context: AgentContext
    private(set) var workers: [String: PodWorker] = [:]
    private var uidByKey: [ResourceKey: String] = [:]
    private var isStopping = false
    private var taints: [Taint] = []
    /// What was found at the start and not yet given to a worker.
    private var adopted: [String: [ContainerRecord]] = [:]
    private let newWorkers: AsyncStream<Launch>
    private let launch: AsyncStream<Launch>.Continuation

    private struct Launch: Sendable {
        let worker: PodWorker
        let history: [String: ContainerHistory]
    }

    init(context: AgentContext) {
        self.context = context
        (newWorkers, launch) = AsyncStream.makeStream()
    }

    /// Runs all pods until cancelled. What `adopt` found is taken over first.
    func run(adopting records: [ContainerRecord]) async {
        adopted = Dictionary(grouping: records, by: \.podUID)
        let feed = context.store.changes(of: [.pod, .configMap, .secret, .node])
        let starts = newWorkers
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followExits() }
            group.addTask {
                // Until the store can be read nothing is known, and nothing is stopped or removed.
                while !Task.isCancelled, await !self.reconcileAll() { try? await self.context.clock.sleep(.seconds(2)) }
                await self.sweepPeriodically()
            }
            group.addTask { for await keys in feed { await self.reconcile(keys) } }
            for await start in starts {
                group.addTask {
                    await start.worker.run(history: start.history)
                    if !Task.isCancelled { await self.finished(start.worker) }
                }
            }
            group.cancelAll()
        }
    }

    func worker(for key: ResourceKey) -> PodWorker? { uidByKey[key].flatMap { workers[$0] } }

    // MARK: Ends of containers

    private func followExits() async {
        for await event in context.engine.exits {
            guard let uid = event.labels[ContainerLabels.podUID], let worker = workers[uid],
                let name = event.labels[ContainerLabels.container],
                let attempt = event.labels[ContainerLabels.attempt].flatMap({ Int($0) })
            else { continue }
            worker.sendEnd(name, attempt, ContainerEnd(event.exit, containerID: event.id))
        }
    }

    // MARK: Desired and present

    private func reconcileAll() async -> Bool {
        do {
            try await readTaints()
            let pods = try await context.store.list(.pod).items
            for resource in pods { await reconcile(resource) }
            let present = Set(pods.map(\.uid))
            for (uid, worker) in workers where !present.contains(uid) { worker.send(.vanished) }
            return true
        } catch {
            context.logger.error("pods can't be read", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func reconcile(_ keys: Set<ResourceKey>) async {
        if keys.contains(context.node.key) { await nodeChanged() }
        for key in keys {
            switch key.type {
            case .pod: await reconcilePod(key)
            case .configMap, .secret: await configurationChanged(key)
            default: break
            }
        }
    }

    private func reconcilePod(_ key: ResourceKey) async {
        do {
            if let resource = try await context.store.find(key) {
                if let uid = uidByKey[key], uid != resource.uid { workers[uid]?.send(.vanished) }
                await reconcile(resource)
            } else if let uid = uidByKey[key] {
                workers[uid]?.send(.vanished)
            }
        } catch {
            context.logger.error("pod can't be read", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
    }

    private func reconcile(_ resource: Resource) async {
        guard !isStopping else { return }
        let pod: Pod
        do {
            pod = try resource.decode(as: Pod.self)
        } catch {
            context.logger.error("pod can't be decoded", metadata: ["pod": "\(resource.key)", "error": "\(error)"])
            return
        }
        let node = pod.spec.nodeName ?? ""
        if node.isEmpty {
            if pod.metadata.deletionTimestamp == nil { await bind(resource, pod) }
        } else if node == context.nodeName {
            await run(resource, pod)
        } else {
            workers[resource.uid]?.send(.vanished)
        }
    }

    private func run(_ resource: Resource, _ pod: Pod) async {
        if let worker = workers[resource.uid] {
            await worker.update(resource, pod)
            await worker.tolerate(taints)
            return
        }
        let worker = PodWorker(resource: resource, pod: pod, context: context)
        workers[resource.uid] = worker
        uidByKey[resource.key] = resource.uid
        let records = adopted.removeValue(forKey: resource.uid) ?? []
        launch.yield(Launch(worker: worker, history: Self.history(pod, records)))
        await worker.tolerate(taints)
    }

    private static func history(_ pod: Pod, _ records: [ContainerRecord]) -> [String: ContainerHistory] {
        let statuses = pod.status?.allContainerStatuses ?? []
        let isOver = ["Succeeded", "Failed"].contains(pod.status?.phase ?? "")
        var history: [String: ContainerHistory] = [:]
        for container in pod.spec.everyContainer {
            history[container.name] = ContainerHistory(
                status: statuses.first { $0.name == container.name },
                records: records.filter { $0.containerName == container.name }, podIsOver: isOver)
        }
        return history
    }

    private func finished(_ worker: PodWorker) async {
        if workers[worker.uid] === worker { workers[worker.uid] = nil }
        if uidByKey[worker.key] == worker.uid { uidByKey[worker.key] = nil }
        // The object may have come back under the same name meanwhile.
        await reconcilePod(worker.key)
    }

    private func configurationChanged(_ key: ResourceKey) async {
        let kind: ConfigurationSnapshot.Kind = key.type == .configMap ? .configMap : .secret
        let reference = ConfigurationSnapshot.Reference(kind: kind, name: key.name)
        for worker in workers.values where worker.key.namespace == key.namespace {
            if ConfigurationSnapshot.references(of: await worker.pod).contains(reference) {
                worker.send(.configurationChanged)
            }
        }
    }
}

// MARK: Binding

extension PodSupervisor {
    private func nodeChanged() async {
        do {
            try await readTaints()
        } catch {
            context.logger.error("the node's taints can't be read", metadata: ["error": "\(error)"])
        }
        for worker in workers.values { await worker.tolerate(taints) }
        await bindWaiting()
    }

    private func readTaints() async throws { taints = try await context.node.node()?.spec?.taints ?? [] }

    /// Looks again at the pods that no node took.
    private func bindWaiting() async {
        guard let pods = try? await context.store.list(.pod).items else { return }
        for resource in pods where resource.value[path: "spec", "nodeName"]?.stringValue ?? "" == "" {
            await reconcile(resource)
        }
    }

    private func bind(_ resource: Resource, _ pod: Pod) async {
        do {
            guard let node = try await context.node.node() else { return }
            let obstacle = Scheduling.obstacle(pod, on: node)
            if let obstacle {
                try await report(unschedulable: obstacle, resource)
                return
            }
            let name = context.nodeName
            let uid = resource.uid
            let bound = try await context.store.update(resource.key) { resource in
                guard resource.uid == uid else { throw StatusError.notFound(resource.key) }
                resource.value[path: "spec", "nodeName"] = .string(name)
            }
            await run(bound, try bound.decode(as: Pod.self))
            let text = "Successfully assigned \(resource.namespace ?? "default")/\(resource.name) to \(name)"
            await context.recorder.record(reason: "Scheduled", message: text, on: bound)
        } catch let error as StatusError where error.code == 404 {
            // Deleted meanwhile.
        } catch {
            context.logger.error("pod can't be bound", metadata: ["pod": "\(resource.key)", "error": "\(error)"])
        }
    }

    private func report(unschedulable message: String, _ resource: Resource) async throws {
        let now = Timestamp(seconds: WallClock.now().seconds)
        let uid = resource.uid
        try await context.store.update(resource.key, subresource: .status) { resource in
            guard resource.uid == uid else { throw StatusError.notFound(resource.key) }
            var pod = try resource.decode(as: Pod.self)
            var status = pod.status ?? PodStatus()
            let old = status.conditions?.first { $0.type == "PodScheduled" }
            if old?.status == "False" && old?.message == message { return }
            status.phase = "Pending"
            status.conditions = [
                PodCondition(
                    type: "PodScheduled", status: "False", lastTransitionTime: now, reason: "Unschedulable",
                    message: message)
            ]
            pod.status = status
            resource.value["status"] = try Resource(encoding: pod).value["status"]
        }
        await context.recorder.record(type: "Warning", reason: "FailedScheduling", message: message, on: resource)
    }
}

// MARK: Orphans and the end

extension PodSupervisor {
    private func sweepPeriodically() async {
        while !Task.isCancelled {
            await sweep()
            try? await context.clock.sleep(.seconds(600))
        }
    }

    /// Removes what belongs to no pod of the store. Nothing is removed when the store can't be read.
    private func sweep() async {
        guard let pods = try? await context.store.list(.pod).items else { return }
        let wanted = Set(pods.map(\.uid)).union(workers.keys)
        let volumes = context.volumes
        var orphans = Set(await context.engine.list().map(\.podUID)).subtracting([""])
        orphans.formUnion((try? await context.volumeLane.run { try volumes.known() }) ?? [])
        for uid in orphans.subtracting(wanted) where !isStopping {
            await removeOrphan(uid)
        }
        let logs = context.dataDirectory + "/logs"
        try? await context.volumeLane.run {
            guard Files.isDirectory(logs) else { return }
            for name in try Files.listDirectory(logs) {
                guard let uid = name.split(separator: "_").last, !wanted.contains(String(uid)) else { continue }
                try Files.removeTree(logs + "/" + name)
            }
        }
        let containers = wanted
        try? await context.engine.removeOrphanedStorage { id in containers.contains { id.hasPrefix($0) } }
    }

    private func removeOrphan(_ uid: String) async {
        context.logger.info("removing the remains of a pod that no longer exists", metadata: ["uid": "\(uid)"])
        do {
            for record in await context.engine.list(label: ContainerLabels.podUID, value: uid) {
                try await context.engine.stop(record.id, grace: .seconds(10))
            }
            try await PodRemoval.remove(uid, context: context, removeData: true, logs: nil)
        } catch {
            context.logger.warning(
                "remains of a pod can't be removed", metadata: ["uid": "\(uid)", "error": "\(error)"])
        }
    }

    /// Stops every container and waits until all is torn down; the objects stay.
    func stopAll() async {
        isStopping = true
        for worker in workers.values { worker.send(.shutdown) }
        while !workers.isEmpty, !Task.isCancelled { try? await context.clock.sleep(.milliseconds(20)) }
        // What was adopted and not yet given to a worker.
        let rest = Dictionary(grouping: await context.engine.list(), by: \.podUID)
        await withDiscardingTaskGroup { group in
            for (uid, records) in rest {
                group.addTask { await self.stopRest(uid, records) }
            }
        }
    }

    private func stopRest(_ uid: String, _ records: [ContainerRecord]) async {
        do {
            for record in records { try await context.engine.stop(record.id, grace: .seconds(10)) }
            try await PodRemoval.remove(uid, context: context, removeData: false, logs: nil)
        } catch {
            context.logger.warning("pod can't be stopped", metadata: ["uid": "\(uid)", "error": "\(error)"])
        }
    }
}
