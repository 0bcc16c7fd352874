import JSON
import Resources

/// The files of a volume that is made from objects: ConfigMap, Secret, downward API, projected.
enum VolumePayload {
    typealias FileSet = [String: AtomicDirectory.File]

    static let defaultMode = 0o644

    /// What files are made from, at one moment.
    struct Content: Sendable {
        var configuration: ConfigurationSnapshot
        var facts: PodFacts
        var tokens: [PodToken.Source: PodToken] = [:]
    }

    /// Nil for a volume of another kind.
    /// - Throws: ``ConfigurationError`` in the kubelet's words when an object or key is missing.
    static func files(
        of volume: Volume, pod: Pod, content: Content
    ) throws(ConfigurationError) -> FileSet? {
        if let source = volume.configMap {
            return try files(
                .configMap, source.name ?? "", items: source.items, mode: source.defaultMode,
                isOptional: source.optional == true, content.configuration, namespace: pod.metadata.namespace)
        }
        if let source = volume.secret {
            return try files(
                .secret, source.secretName ?? "", items: source.items, mode: source.defaultMode,
                isOptional: source.optional == true, content.configuration, namespace: pod.metadata.namespace)
        }
        if let source = volume.downwardAPI {
            return try downward(source.items ?? [], mode: source.defaultMode, pod: pod, facts: content.facts)
        }
        if let projected = volume.projected {
            return try self.projected(projected, pod: pod, content: content)
        }
        return nil
    }

    private static func files(
        _ kind: ConfigurationSnapshot.Kind, _ name: String, items: [KeyToPath]?, mode: Int?, isOptional: Bool,
        _ configuration: ConfigurationSnapshot, namespace: String?
    ) throws(ConfigurationError) -> FileSet {
        guard let contents = configuration.values(kind, name) else {
            if isOptional { return [:] }
            throw ConfigurationError(message: "\(kind.rawValue) \"\(name)\" not found")
        }
        let mode = mode ?? defaultMode
        guard let items, !items.isEmpty else {
            return contents.mapValues { AtomicDirectory.File(bytes: $0, mode: UInt32(mode & 0o777)) }
        }
        var files: FileSet = [:]
        for item in items {
            guard let bytes = contents[item.key] else {
                if isOptional { continue }
                throw ConfigurationError(
                    message: "references non-existent \(kind == .configMap ? "config" : "secret") key: \(item.key)")
            }
            files[try checked(item.path)] = AtomicDirectory.File(
                bytes: bytes, mode: UInt32((item.mode ?? mode) & 0o777))
        }
        return files
    }

    private static func downward(
        _ items: [DownwardAPIVolumeFile], mode: Int?, pod: Pod, facts: PodFacts
    ) throws(ConfigurationError) -> FileSet {
        var files: FileSet = [:]
        for item in items {
            let text: String
            if let field = item.fieldRef {
                guard let value = facts.value(of: field.fieldPath, in: pod) else {
                    throw ConfigurationError(message: "unsupported pod field path: \(field.fieldPath)")
                }
                text = value
            } else if let resource = item.resourceFieldRef, let first = pod.spec.containers.first {
                text = try ResourceField.value(resource, in: pod, default: first, nodeCapacity: [:])
            } else {
                throw ConfigurationError(message: "the downward API file \"\(item.path)\" names no field")
            }
            files[try checked(item.path)] = AtomicDirectory.File(
                bytes: Array(text.utf8), mode: UInt32((item.mode ?? mode ?? defaultMode) & 0o777))
        }
        return files
    }

    private static func projected(
        _ value: JSONValue, pod: Pod, content: Content
    ) throws(ConfigurationError) -> FileSet {
        let mode = value["defaultMode"]?.intValue
        var files: FileSet = [:]
        for source in value["sources"]?.arrayValue ?? [] {
            if let wanted = source.tokenSource {
                let path = try checked(source[path: "serviceAccountToken", "path"]?.stringValue ?? "")
                files[path] = try token(wanted, pod: pod, mode: mode, content)
                continue
            }
            var part = Volume(name: "")
            if let configMap = source["configMap"] {
                part.configMap = try decode(configMap)
                part.configMap?.defaultMode = mode
            } else if let secret = source["secret"] {
                var renamed = secret
                renamed["secretName"] = secret["name"]
                part.secret = try decode(renamed)
                part.secret?.defaultMode = mode
            } else if let downward = source["downwardAPI"] {
                part.downwardAPI = try decode(downward)
                part.downwardAPI?.defaultMode = mode
            } else {
                throw ConfigurationError(message: "a projected volume source isn't supported: \(source)")
            }
            let some = try self.files(of: part, pod: pod, content: content) ?? [:]
            files.merge(some) { $1 }
        }
        return files
    }

    /// As the kubelet has it: where a group is given the files, nobody else reads a token.
    private static func token(
        _ source: PodToken.Source, pod: Pod, mode: Int?, _ content: Content
    ) throws(ConfigurationError) -> AtomicDirectory.File {
        guard let token = content.tokens[source] else {
            throw ConfigurationError(message: "failed to fetch token: there is none")
        }
        let hasGroup = pod.spec.securityContext?.fsGroup != nil
        return AtomicDirectory.File(
            bytes: Array(token.text.utf8), mode: hasGroup ? 0o600 : UInt32((mode ?? defaultMode) & 0o777))
    }

    private static func decode<T: Decodable>(_ value: JSONValue) throws(ConfigurationError) -> T {
        do { return try value.decode() } catch { throw ConfigurationError(message: "\(error)") }
    }

    /// A path in a volume: relative, inside, and not one of the names that the volume itself uses.
    private static func checked(_ path: String) throws(ConfigurationError) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0.hasPrefix("..") }) else {
            throw ConfigurationError(message: "invalid path \"\(path)\" in a volume")
        }
        return path
    }
}
