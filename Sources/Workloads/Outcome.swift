internal import Resources

/// What a reconciled item leaves to do.
struct Outcome: Sendable {
    struct Event: Sendable {
        let planned: PlannedEvent
        let object: Resource
        let component: String
    }

    var events: [Event] = []
    /// Look again after this time even when nothing changes.
    var recheck: Duration?
    /// Look at these as well.
    var followUp: Set<WorkItem> = []
    /// A failure that is worth a retry although the rest was committed.
    var failure: String?

    mutating func add(_ planned: [PlannedEvent], on object: Resource, _ component: String) {
        events += planned.map { Event(planned: $0, object: object, component: component) }
    }
}
