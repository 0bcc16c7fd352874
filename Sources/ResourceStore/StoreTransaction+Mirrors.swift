internal import JSON
public import Resources

/// What a hub's store knows of its devices: their objects, and the namespaces that are there for these alone.
extension StoreTransaction {
    /// Whether a device made the object, and the device alone ends it.
    public func isMirror(_ resource: Resource) -> Bool { state.holdsMirrors && resource.isMirror }

    /// Makes the namespace that mirrors need. It is the devices': it goes when the last of their objects in it has gone.
    public func imply(namespace name: String) throws {
        try create(
            Resource(
                value: [
                    "metadata": [
                        "name": .string(name), "annotations": [WherryLabels.owner: .string(WherryLabels.ownerLocal)],
                    ]
                ], type: .namespace))
    }

    /// Whether a namespace is there for mirrors alone. Who writes it through the API owns a field of it, and makes it the hub's.
    public func isImplied(_ namespace: Resource) -> Bool {
        state.holdsMirrors && namespace.annotations[WherryLabels.owner] == WherryLabels.ownerLocal
            && namespace.value[path: "metadata", "managedFields"] == nil
            && !Self.systemNamespaces.contains(namespace.name)
    }

    /// Whether a namespace, which need not exist, holds nothing but what every namespace has.
    public func isVacant(namespace: String) throws -> Bool {
        let account = ResourceKey(type: .serviceAccount, namespace: namespace, name: PodIdentity.defaultAccount)
        return try !table.hasContent(ofNamespace: namespace, beside: account)
    }

    /// The mirrors that a deleted namespace leaves behind need one until their devices have ended what they show.
    public func keepMirrors(ofNamespace name: String) throws {
        guard state.holdsMirrors, state.namespaces[name] == nil, try !isVacant(namespace: name) else { return }
        try imply(namespace: name)
    }
}
