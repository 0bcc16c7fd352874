import JSON
import ResourceStore
import Resources

/// The ConfigMaps and Secrets that one pod names, as they were at one moment.
struct ConfigurationSnapshot: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable { case configMap = "configmap", secret = "secret" }

    struct Reference: Sendable, Hashable {
        var kind: Kind
        var name: String
    }

    /// Values by key; what isn't here doesn't exist.
    var contents: [Reference: [String: [UInt8]]] = [:]

    func values(_ kind: Kind, _ name: String) -> [String: [UInt8]]? { contents[Reference(kind: kind, name: name)] }

    /// Every ConfigMap and Secret that the pod's environment and volumes name.
    static func references(of pod: Pod) -> Set<Reference> {
        var found: Set<Reference> = []
        func add(_ kind: Kind, _ name: String?) {
            if let name, !name.isEmpty { found.insert(Reference(kind: kind, name: name)) }
        }
        for container in pod.spec.everyContainer {
            for source in container.envFrom ?? [] {
                add(.configMap, source.configMapRef?.name)
                add(.secret, source.secretRef?.name)
            }
            for variable in container.env ?? [] {
                add(.configMap, variable.valueFrom?.configMapKeyRef?.name)
                add(.secret, variable.valueFrom?.secretKeyRef?.name)
            }
        }
        for volume in pod.spec.volumes ?? [] {
            add(.configMap, volume.configMap?.name)
            add(.secret, volume.secret?.secretName)
            for source in volume.projectedSources {
                add(.configMap, source[path: "configMap", "name"]?.stringValue)
                add(.secret, source[path: "secret", "name"]?.stringValue)
            }
        }
        return found
    }

    /// Reads them from the store.
    static func load(for pod: Pod, from store: Store) async throws -> ConfigurationSnapshot {
        var snapshot = ConfigurationSnapshot()
        for reference in references(of: pod) {
            let type: ResourceType = reference.kind == .configMap ? .configMap : .secret
            let key = ResourceKey(type: type, namespace: pod.metadata.namespace ?? "default", name: reference.name)
            guard let resource = try await store.find(key) else { continue }
            snapshot.contents[reference] = values(of: resource.value, kind: reference.kind)
        }
        return snapshot
    }

    static func values(of object: JSONValue, kind: Kind) -> [String: [UInt8]] {
        var values: [String: [UInt8]] = [:]
        for (key, value) in object["data"]?.objectValue ?? [:] {
            guard let text = value.stringValue else { continue }
            values[key] = kind == .secret ? Base64.decode(text) ?? [] : Array(text.utf8)
        }
        for (key, value) in object["binaryData"]?.objectValue ?? [:] {
            values[key] = value.stringValue.flatMap(Base64.decode) ?? []
        }
        return values
    }
}

extension Volume {
    /// The sources of a projected volume.
    var projectedSources: [JSONValue] { projected?["sources"]?.arrayValue ?? [] }
}
