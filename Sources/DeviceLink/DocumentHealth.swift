public import FleetProtocol
import JSON
public import ResourceStore
import Resources

/// Whether the workloads of the document do their work.
public enum DocumentHealth: Sendable, Hashable {
    case healthy
    /// The first object that is not ready, and why.
    case waiting(object: String, message: String)
    /// An object says itself that it will not become ready.
    case failed(object: String, message: String)

    /// Looks at the store's present state; objects that were deleted here do not count.
    public static func of(_ document: Document, in store: Store) async throws -> DocumentHealth {
        first(of: try await states(of: document, in: store).map(\.state))
    }

    /// What several say together: the first that failed, else the first that waits.
    public static func first(of states: [DocumentHealth]) -> DocumentHealth {
        var waiting: DocumentHealth?
        for state in states {
            switch state {
            case .healthy: continue
            case .failed: return state
            case .waiting: waiting = waiting ?? state
            }
        }
        return waiting ?? .healthy
    }

    /// The same for each workload of a document that is here.
    public static func states(
        of document: Document, in store: Store
    ) async throws -> [(object: FleetProtocol.ObjectReference, state: DocumentHealth)] {
        var states: [(object: FleetProtocol.ObjectReference, state: DocumentHealth)] = []
        for object in document.objects {
            guard let reference = FleetProtocol.ObjectReference(of: object),
                let type = ResourceType.of(apiVersion: reference.apiVersion, kind: reference.kind),
                type == .deployment || type == .pod
            else { continue }
            let key = ResourceKey(type: type, namespace: reference.namespace ?? "default", name: reference.name)
            guard let resource = try await store.find(key) else { continue }
            states.append((reference, judge(resource)))
        }
        return states
    }

    static func judge(_ resource: Resource) -> DocumentHealth {
        let name = resource.key.description
        let status = resource.value["status"]
        if resource.isTerminating { return .waiting(object: name, message: "is being deleted") }
        return resource.type == .deployment
            ? deployment(resource, status, name) : pod(status, name)
    }

    private static func deployment(_ resource: Resource, _ status: JSONValue?, _ name: String) -> DocumentHealth {
        let wanted = resource.value[path: "spec", "replicas"]?.intValue ?? 1
        func count(_ field: String) -> Int { status?[field]?.intValue ?? 0 }
        let isSeen = count("observedGeneration") >= resource.generation
        if isSeen, let progress = condition("Progressing", status),
            progress["reason"]?.stringValue == "ProgressDeadlineExceeded"
        {
            return .failed(object: name, message: progress["message"]?.stringValue ?? "progress deadline exceeded")
        }
        guard isSeen, count("updatedReplicas") >= wanted, count("availableReplicas") >= wanted,
            count("replicas") == count("updatedReplicas")
        else {
            return .waiting(object: name, message: "\(count("availableReplicas")) of \(wanted) replicas are available")
        }
        return .healthy
    }

    private static func pod(_ status: JSONValue?, _ name: String) -> DocumentHealth {
        let phase = status?["phase"]?.stringValue ?? "Pending"
        if phase == "Succeeded" { return .healthy }
        if phase == "Failed" {
            return .failed(object: name, message: status?["message"]?.stringValue ?? "the pod failed")
        }
        guard condition("Ready", status)?["status"]?.stringValue == "True" else {
            let reason = (status?["containerStatuses"]?.arrayValue ?? [])
                .compactMap { $0["state"]?["waiting"]?["reason"]?.stringValue }.first
            return .waiting(object: name, message: reason.map { "\(phase): \($0)" } ?? "\(phase), not ready")
        }
        return .healthy
    }

    private static func condition(_ type: String, _ status: JSONValue?) -> JSONValue? {
        status?["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
    }
}
