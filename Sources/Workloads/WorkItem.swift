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
    /// Dependents whose owners are gone.
    case sweep

    /// The types whose changes do not matter.
    static let unwatched: Set<ResourceType> = [.event]

    /// What a change makes dirty.
    static func items(for event: WatchEvent, _ types: TypeCatalog) -> Set<WorkItem> {
        let resource = event.resource
        var items: Set<WorkItem> = []
        switch resource.type {
        case .deployment: items.insert(.deployment(resource.key))
        case .replicaSet: items.insert(.replicaSet(resource.key))
        case .namespace: items.insert(.namespace(resource.name))
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
        if event.kind == .deleted {
            items.formUnion(afterDeletion(of: resource, types))
        } else {
            items.formUnion(whileThere(resource, before: event.previous))
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

    private static func afterDeletion(of resource: Resource, _ types: TypeCatalog) -> Set<WorkItem> {
        var items: Set<WorkItem> = [.sweep]
        if let namespace = resource.namespace { items.insert(.namespace(namespace)) }
        for owner in resource.ownerReferences {
            if let key = owner.key(in: resource.namespace, types) { items.insert(.finalizer(key)) }
        }
        return items
    }

    private static func whileThere(_ resource: Resource, before: Resource?) -> Set<WorkItem> {
        var items: Set<WorkItem> = []
        if resource.isTerminating && !resource.finalizers.isEmpty { items.insert(.finalizer(resource.key)) }
        let isNews = before == nil || before?.labels != resource.labels || before?.controllerOwner != nil
        let canBeAdopted = resource.type == .pod || resource.type == .replicaSet
        if canBeAdopted && isNews && resource.controllerOwner == nil && !resource.labels.isEmpty {
            items.insert(.orphan(resource.key))
        }
        return items
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
    /// A device's object as the hub shows it: nobody controls it here.
    var isMirror: Bool { labels[WherryLabels.device] != nil }

    func isManaged(by owner: Resource) -> Bool { controllerOwner?.uid == owner.uid }
}
