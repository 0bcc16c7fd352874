public import Resources

/// Tells what happened to objects, as `kubectl describe` and `kubectl get events` show it.
///
/// Events live in memory: best effort, nothing is written to disk, and a failure to note one never disturbs the work
/// that it tells about.
public struct EventRecorder: Sendable {
    private let store: Store
    private let component: String
    private let host: String

    /// - Parameters:
    ///   - component: who reports, such as `deployment-controller`.
    ///   - host: the node it runs on; empty for none.
    public init(store: Store, component: String, host: String = "") {
        self.store = store
        self.component = component
        self.host = host
    }

    /// A recorder for another component on the same store and host.
    public func named(_ component: String) -> EventRecorder {
        EventRecorder(store: store, component: component, host: host)
    }

    /// Notes one occurrence; the same again about the same object only raises its count.
    ///
    /// - Parameters:
    ///   - type: `Normal` or `Warning`.
    ///   - reason: one CamelCase word.
    ///   - object: what it happened to.
    ///   - fieldPath: the part that is meant, such as `spec.containers{web}`.
    public func record(
        type: String = "Normal", reason: String, message: String, on object: Resource, fieldPath: String? = nil
    ) async {
        let occurrence = Occurrence(
            type: type, reason: reason, message: message, object: object.asReference, fieldPath: fieldPath,
            component: component, host: host)
        try? await store.record(occurrence)
    }
}

/// One thing that happened.
struct Occurrence: Sendable {
    let type: String
    let reason: String
    let message: String
    let object: ObjectReference
    let fieldPath: String?
    let component: String
    let host: String

    var fold: VolatileEvents.Fold {
        VolatileEvents.Fold(
            uid: object.uid ?? "", fieldPath: fieldPath ?? "", type: type, reason: reason, message: message,
            component: component)
    }
}
