internal import JSON
internal import Resources

extension StoreTransaction {
    /// Gives a service its addresses and node ports, by what the others have at this moment.
    func allocate(_ service: Resource, previous: Resource?) throws -> Resource {
        guard service.type == .service, let range = state.cluster?.serviceAddresses else { return service }
        var completed = service
        if let previous { ServiceFields.carry(from: previous.value, to: &completed.value) }
        let others = try list(.service).filter { $0.key != service.key }
        var allocator = ServiceAllocator(range: range, services: others) { self.state.environment.random() }
        try allocator.complete(&completed, previous: previous)
        return completed
    }

    /// Services that were stored before there were addresses, or while there were none, get theirs; and there is the service
    /// `kubernetes`, with the first. One that cannot be had keeps nothing from the others.
    public func furnishServices() throws {
        guard let range = state.cluster?.serviceAddresses else { return }
        let api = Self.apiService(range)
        if try find(api.key) == nil {
            // Somebody took the first address when it meant nothing, which is given back with his service, or a quota is used up.
            try unlessRefused { try $0.create(api) }
        }
        for service in try list(.service) where ServiceFields.lacksAddress(service) {
            // One with a port that is not to be had stays as it is until somebody writes it.
            try unlessRefused { try $0.update(service.key) { _ in } }
        }
    }

    private func unlessRefused(_ body: (StoreTransaction) throws -> Void) throws {
        guard case .failure(let error) = try part(body) else { return }
        guard let refusal = error as? StatusError else { throw error }
        if ![403, 422].contains(refusal.code), !ServiceAllocator.isShortage(refusal) { throw refusal }
    }

    private static func apiService(_ range: AddressRange) -> Resource {
        Resource(
            value: [
                "metadata": [
                    "name": "kubernetes", "namespace": "default",
                    "labels": ["component": "apiserver", "provider": "kubernetes"],
                ],
                "spec": [
                    "clusterIP": .string(range.first), "type": "ClusterIP", "sessionAffinity": "None",
                    "internalTrafficPolicy": "Cluster",
                    "ports": [["name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443]],
                ], "status": ["loadBalancer": [:]],
            ], type: .service)
    }
}
