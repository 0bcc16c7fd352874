import ContainerEngine
import JSON
import Linux
import Logging
import ResourceStore
import Resources

/// The pods whose containers run while the store, damaged and restored, knows nothing of them: what runs is not stopped
/// for it, and is a pod like others again.
enum LostPods {
    /// The pod without what the store and the agent write.
    static func manifest(of pod: Resource) -> [UInt8] {
        var value = pod.value
        value["status"] = nil
        for field in ["managedFields", "resourceVersion"] { value[path: "metadata", field] = nil }
        return value.serialized()
    }

    /// Writes the missing pods, and the namespaces they need, and says which they were.
    ///
    /// A pod keeps the owners that are there. One without goes on by itself until its owner comes back, from the hub or by
    /// hand, and takes it in by its labels.
    ///
    /// - Parameters:
    ///   - lost: uids of pods that have a container that runs, and that the store does not know.
    ///   - running: uids of all that have one.
    static func restore(
        _ lost: Set<String>, beside running: Set<String>, from volumes: PodVolumes, to store: Store, logger: Logger
    ) async throws -> [Resource] {
        var found: [Resource] = []
        for uid in lost.sorted() {
            guard let value = volumes.manifest(of: uid).flatMap({ try? JSONValue(parsing: $0) }) else {
                logger.error("a pod runs and is not known, and what it was is not kept", metadata: ["uid": "\(uid)"])
                continue
            }
            let pod = Resource(value: value, type: .pod)
            do {
                let restored = try await store.transaction { try restore(pod, in: $0, running: running) }
                if let restored { found.append(restored) }
            } catch {
                logger.error(
                    "a pod that runs and that the store has lost cannot be stored again",
                    metadata: ["pod": "\(pod.key)", "error": "\(error)"])
            }
        }
        return found
    }

    private static func restore(
        _ lost: Resource, in transaction: StoreTransaction, running: Set<String>
    ) throws -> Resource? {
        if let present = try transaction.find(lost.key) {
            // Its predecessor of the same name, as the snapshot had it, does not run any more.
            guard present.uid != lost.uid, !running.contains(present.uid) else { return nil }
            _ = try transaction.delete(lost.key, DeleteOptions(gracePeriodSeconds: 0))
        }
        let namespace = Resource(value: ["metadata": ["name": .string(lost.namespace ?? "default")]], type: .namespace)
        if try transaction.find(namespace.key) == nil { _ = try transaction.create(namespace) }
        var pod = lost
        let owners = pod.value[path: "metadata", "ownerReferences"]?.arrayValue ?? []
        let present = try owners.filter { try isPresent($0, of: lost, in: transaction) }
        pod.value[path: "metadata", "ownerReferences"] = present.isEmpty ? nil : .array(present)
        return try transaction.create(pod, asItWas: true)
    }

    private static func isPresent(_ owner: JSONValue, of pod: Resource, in transaction: StoreTransaction) throws -> Bool
    {
        guard let kind = owner["kind"]?.stringValue, let name = owner["name"]?.stringValue,
            let version = owner["apiVersion"]?.stringValue,
            let type = transaction.types.storing(apiVersion: version, kind: kind)
        else { return false }
        let key = ResourceKey(type: type, namespace: type.namespaced ? pod.namespace : nil, name: name)
        return try transaction.find(key)?.uid == owner["uid"]?.stringValue
    }
}

extension Agent {
    /// After damage to the store: finds again the pods that run. To be called before anything acts on the store's content.
    public func restoreLostPods() async throws {
        guard try await context.store.missesObjects() else { return }
        let running = Set(try await context.engine.labelsOfRunning().compactMap { $0[ContainerLabels.podUID] })
        let known = Set(try await context.store.list(.pod).items.map(\.uid))
        let found = try await LostPods.restore(
            running.subtracting(known), beside: running, from: context.volumes, to: context.store,
            logger: context.logger)
        try await context.store.foundLostObjects()
        for pod in found {
            let message = "The store was damaged and had lost this pod; it is here again because its containers run"
            context.logger.warning("a lost pod was found again", metadata: ["pod": "\(pod.key)"])
            await context.recorder.record(type: "Warning", reason: "Recovered", message: message, on: pod)
        }
    }
}
