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
    /// `kubernetes`, with the first.
    public func furnishServices() throws {
        guard let range = state.cluster?.serviceAddresses else { return }
        let api = Self.apiService(range)
        if try find(api.key) == nil {
            do { try create(api) } catch let error as StatusError where error.code == 422 {
                // Somebody took the first address when it meant nothing. It is given back with his service.
            }
        }
        for service in try list(.service) where ServiceFields.lacksAddress(service) {
            // One with a port that is not to be had stays as it is until somebody writes it.
            do { try update(service.key) { _ in } } catch let error as StatusError where error.code == 422 {}
        }
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
