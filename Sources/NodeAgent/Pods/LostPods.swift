import ContainerEngine
import JSON
import Linux
import Logging
import ResourceStore
import Resources

/// The pods whose containers run while the store, damaged and restored, knows nothing of them: what runs is not stopped
/// for it, and is a pod like others again.
enum LostPods {
    static func label(_ pod: Resource) -> String {
        var value = pod.value
        value["status"] = nil
        for field in ["managedFields", "resourceVersion"] { value[path: "metadata", field] = nil }
        return String(decoding: value.serialized(), as: UTF8.self)
    }

    /// Writes the missing pods, and the namespaces they need, and says which they were.
    ///
    /// A pod keeps the owners that are there. One without goes on by itself until its owner comes back, from the hub or by
    /// hand, and takes it in by its labels.
    static func restore(from labels: [[String: String]], to store: Store, logger: Logger) async throws -> [Resource] {
        var found: [Resource] = []
        var seen: Set<String> = []
        for text in labels.compactMap({ $0[ContainerLabels.pod] }) {
            guard let value = try? JSONValue(parsing: Array(text.utf8)) else { continue }
            let pod = Resource(value: value, type: .pod)
            guard !pod.uid.isEmpty, seen.insert(pod.uid).inserted else { continue }
            do {
                let restored = try await store.transaction { try restore(pod, in: $0) }
                if let restored { found.append(restored) }
            } catch {
                logger.error(
                    "a pod that runs and that the store has lost cannot be stored again",
                    metadata: ["pod": "\(pod.key)", "error": "\(error)"])
            }
        }
        return found
    }

    private static func restore(_ lost: Resource, in transaction: StoreTransaction) throws -> Resource? {
        guard try transaction.find(lost.key) == nil else { return nil }
        let namespace = Resource(value: ["metadata": ["name": .string(lost.namespace ?? "default")]], type: .namespace)
        if try transaction.find(namespace.key) == nil { _ = try transaction.create(namespace) }
        var pod = lost
        let owners = pod.value[path: "metadata", "ownerReferences"]?.arrayValue ?? []
        let present = try owners.filter { try isPresent($0, of: lost, in: transaction) }
        pod.value[path: "metadata", "ownerReferences"] = present.isEmpty ? nil : .array(present)
        return try transaction.create(pod)
    }

    private static func isPresent(_ owner: JSONValue, of pod: Resource, in transaction: StoreTransaction) throws -> Bool
    {
        guard let kind = owner["kind"]?.stringValue, let name = owner["name"]?.stringValue,
            let version = owner["apiVersion"]?.stringValue,
            let type = ResourceType.all.first(where: { $0.kind == kind && $0.apiVersion == version })
        else { return false }
        let key = ResourceKey(type: type, namespace: type.namespaced ? pod.namespace : nil, name: name)
        return try transaction.find(key)?.uid == owner["uid"]?.stringValue
    }
}

extension Agent {
    /// After damage to the store: finds again the pods that run. To be called before anything acts on the store's content.
    public func restoreLostPods() async throws {
        guard try await context.store.missesObjects() else { return }
        let labels = try await context.engine.labelsOfRunning()
        let found = try await LostPods.restore(from: labels, to: context.store, logger: context.logger)
        try await context.store.foundLostObjects()
        for pod in found {
            let message = "The store was damaged and had lost this pod; it is here again because its containers run"
            context.logger.warning("a lost pod was found again", metadata: ["pod": "\(pod.key)"])
            await context.recorder.record(type: "Warning", reason: "Recovered", message: message, on: pod)
        }
    }
}
