import Resources

/// The values of `resourceFieldRef`: limits and requests of a container, the node's capacity where none is set.
enum ResourceField {
    static func value(
        _ field: ResourceFieldSelector, in pod: Pod, default container: Container, nodeCapacity: [String: Quantity]
    ) throws(ConfigurationError) -> String {
        var target = container
        if let name = field.containerName, !name.isEmpty, name != container.name {
            let all = pod.spec.containers + (pod.spec.initContainers ?? [])
            guard let named = all.first(where: { $0.name == name }) else {
                throw ConfigurationError(message: "container \(name) not found")
            }
            target = named
        }
        let parts = field.resource.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == "limits" || parts[0] == "requests" else {
            throw ConfigurationError(message: "unsupported container resource: \(field.resource)")
        }
        let limits = target.resources?.limits?[parts[1]]
        let requests = target.resources?.requests?[parts[1]]
        let quantity = parts[0] == "limits" ? limits ?? nodeCapacity[parts[1]] : requests ?? limits
        let divisor = max(1, field.divisor?.millis ?? 1000)
        let millis = quantity?.millis ?? 0
        return String((millis + divisor - 1) / divisor)
    }
}
