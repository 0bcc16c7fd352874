internal import JSON
internal import ResourceStore
internal import Resources

/// One thing for the controllers to look at again. It says where to look, never what was seen: the present state decides.
enum WorkItem: Hashable, Sendable {
    /// Everything, at the start.
    case resync
    case deployment(ResourceKey)
    case replicaSet(ResourceKey)
    /// A pod or ReplicaSet without manager, which one may adopt.
    case orphan(ResourceKey)
    case namespace(String)
    /// The quotas of a namespace, after something that one may count came, changed or went.
    case quotas(String)
    /// An object that is marked for deletion and waits for its dependents.
    case finalizer(ResourceKey)
    /// An object whose owners may be gone.
    case dependent(ResourceKey)
    /// What names this uid among its owners, after the object that had it has gone.
    case dependents(of: String)

    /// The types whose changes do not matter.
    static let unwatched: Set<ResourceType> = [.event]

    /// What a change makes dirty.
    static func items(for event: WatchEvent, _ types: TypeCatalog, in scope: Controllers.Scope) -> Set<WorkItem> {
        var items = event.kind == .deleted ? afterDeletion(of: event.resource, types) : []
        if event.resource.type == .namespace { items.insert(.namespace(event.resource.name)) }
        switch scope {
        case .device:
            items.formUnion(workloads(event, types))
        case .hub where event.resource.isMirror:
            // There are as many changes of mirrors as devices have pods.
            return items
        case .hub: break
        }
        if event.kind != .deleted { items.formUnion(whileThere(event.resource, before: event.previous, types)) }
        return items
    }

    /// What controllers of a device's workloads look at.
    private static func workloads(_ event: WatchEvent, _ types: TypeCatalog) -> Set<WorkItem> {
        let resource = event.resource
        var items: Set<WorkItem> = []
        switch resource.type {
        case .deployment: items.insert(.deployment(resource.key))
        case .replicaSet: items.insert(.replicaSet(resource.key))
        default: break
        }
        if resource.type != .event, let namespace = resource.namespace { items.insert(.quotas(namespace)) }
        for version in [resource, event.previous] {
            if let version, let owner = version.controllerOwner,
                let item = item(for: owner, in: version.namespace, types)
            {
                items.insert(item)
            }
        }
        if event.kind != .deleted, canBeAdopted(resource, before: event.previous) {
            items.insert(.orphan(resource.key))
        }
        return items
    }

    private static func item(for owner: OwnerReference, in namespace: String?, _ types: TypeCatalog) -> WorkItem? {
        guard let key = owner.key(in: namespace, types) else { return nil }
        switch key.type {
        case .deployment: return .deployment(key)
        case .replicaSet: return .replicaSet(key)
        default: return nil
        }
    }

    private static func canBeAdopted(_ resource: Resource, before: Resource?) -> Bool {
        let isNews = before == nil || before?.labels != resource.labels || before?.controllerOwner != nil
        let hasManagers = resource.type == .pod || resource.type == .replicaSet
        return hasManagers && isNews && resource.controllerOwner == nil && !resource.labels.isEmpty
    }

    private static func afterDeletion(of resource: Resource, _ types: TypeCatalog) -> Set<WorkItem> {
        var items: Set<WorkItem> = [.dependents(of: resource.uid)]
        if let namespace = resource.namespace { items.insert(.namespace(namespace)) }
        return items.union(finalizers(ofOwnersOf: resource, types))
    }

    private static func whileThere(_ resource: Resource, before: Resource?, _ types: TypeCatalog) -> Set<WorkItem> {
        var items: Set<WorkItem> = []
        if resource.isTerminating && !resource.finalizers.isEmpty { items.insert(.finalizer(resource.key)) }
        let owners = resource.value[path: "metadata", "ownerReferences"]
        guard owners != before?.value[path: "metadata", "ownerReferences"] else { return items }
        if owners != nil { items.insert(.dependent(resource.key)) }
        // An owner that this object held may be free now.
        if let before { items.formUnion(finalizers(ofOwnersOf: before, types)) }
        return items
    }

    private static func finalizers(ofOwnersOf resource: Resource, _ types: TypeCatalog) -> Set<WorkItem> {
        Set(resource.ownerReferences.compactMap { $0.key(in: resource.namespace, types).map { .finalizer($0) } })
    }
}

extension OwnerReference {
    /// The owner's key; nil for a kind that nobody here knows.
    func key(in namespace: String?, _ types: TypeCatalog = .builtIn) -> ResourceKey? {
        types.storing(apiVersion: apiVersion, kind: kind)
            .map { ResourceKey(type: $0, namespace: namespace, name: name) }
    }
}

extension Resource {
    func isManaged(by owner: Resource) -> Bool { controllerOwner?.uid == owner.uid }
}
