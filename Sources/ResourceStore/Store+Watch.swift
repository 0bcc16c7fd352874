public import Resources

extension Store {
    /// Changes of some types, in one namespace or in all.
    ///
    /// `since` nil gives only what changes from now on; a version gives every change after it, or throws 410 `expired`
    /// when the history no longer reaches back so far; "0" gives all present objects as `.added` first. A namespaced
    /// watch never delivers objects without namespace.
    public nonisolated func watch(
        _ types: Set<ResourceType>, namespace: String? = nil, since: String? = nil
    ) async throws -> WatchStream {
        let stream = try await subscribed(WatchSelection(types: types, namespace: namespace), since)
        // A definition that changed before the subscription ended no watch: the client begins anew.
        if !types.allSatisfy(self.types.has) { stream.finish() }
        return stream
    }

    private nonisolated func subscribed(_ selection: WatchSelection, _ since: String?) async throws -> WatchStream {
        guard let since, !since.isEmpty else { return try broadcast.subscribe(selection, after: nil) }
        if since == "0" { return try await watchFromPresent(selection) }
        guard let version = Int64(since), version > 0 else {
            throw StatusError.badRequest("invalid resource version \"\(since)\"")
        }
        return try broadcast.subscribe(selection, after: version)
    }

    /// On the store's thread no change can come between the listing and the subscription.
    private func watchFromPresent(_ selection: WatchSelection) throws -> WatchStream {
        var initial: [WatchEvent] = []
        for type in selection.types {
            for resource in try list(type, namespace: selection.namespace).items {
                initial.append(
                    WatchEvent(
                        kind: .added, resource: resource, previous: nil, resourceVersion: resource.resourceVersion))
            }
        }
        return try broadcast.subscribe(selection, after: nil, initial: initial)
    }

    /// Keys of changed objects, coalesced, for level-triggered loops.
    public nonisolated func changes(of types: Set<ResourceType>) -> ChangeFeed<ResourceKey> {
        changes(of: types) { [$0.key] }
    }

    /// What `mapping` makes of each change, coalesced: the owner of a pod, for example.
    ///
    /// `mapping` runs on the store's thread and must be quick.
    public nonisolated func changes<Item: Hashable & Sendable>(
        of types: Set<ResourceType>, mapping: @escaping @Sendable (WatchEvent) -> Set<Item>
    ) -> ChangeFeed<Item> {
        feed(ChangeFeedState(isWanted: types.contains, mapping: mapping))
    }

    /// What `mapping` makes of each change of any type but some, coalesced. Types that are defined later are among them.
    public nonisolated func changes<Item: Hashable & Sendable>(
        exceptOf types: Set<ResourceType>, mapping: @escaping @Sendable (WatchEvent) -> Set<Item>
    ) -> ChangeFeed<Item> {
        feed(ChangeFeedState(isWanted: { !types.contains($0) }, mapping: mapping))
    }

    private nonisolated func feed<Item>(_ state: ChangeFeedState<Item>) -> ChangeFeed<Item> {
        ChangeFeed(subscription: ChangeSubscription(state: state, broadcast: broadcast))
    }
}
