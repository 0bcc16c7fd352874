import Resources

/// Something a container needs is missing or wrong; the message is the kubelet's.
struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    var message: String
    var description: String { message }
}

/// Builds a container's environment: what tells of services, `envFrom` in order, then `env` in order, each later one over the former.
struct ContainerEnvironment {
    let pod: Pod
    let container: Container
    let configuration: ConfigurationSnapshot
    let facts: PodFacts
    /// The node's capacity, which stands in for limits that aren't set.
    let nodeCapacity: [String: Quantity]

    private(set) var values: [String: String] = [:]
    private var order: [String] = []

    init(
        pod: Pod, container: Container, configuration: ConfigurationSnapshot, facts: PodFacts,
        nodeCapacity: [String: Quantity] = [:], services: [(name: String, value: String)] = []
    ) throws(ConfigurationError) {
        self.pod = pod
        self.container = container
        self.configuration = configuration
        self.facts = facts
        self.nodeCapacity = nodeCapacity
        for service in services { set(service.name, service.value) }
        for source in container.envFrom ?? [] { try addAll(of: source) }
        for variable in container.env ?? [] {
            if let value = try value(of: variable) { set(variable.name, value) }
        }
    }

    /// `NAME=value`, in the order of definition.
    var entries: [String] { order.map { "\($0)=\(values[$0] ?? "")" } }

    /// Replaces `$(NAME)`; `$$` is a `$`, and an unknown name stays as it is.
    func expand(_ text: String) -> String { VariableExpansion.expand(text, values) }

    private mutating func set(_ name: String, _ value: String) {
        if values.updateValue(value, forKey: name) == nil { order.append(name) }
    }

    private mutating func addAll(of source: EnvFromSource) throws(ConfigurationError) {
        if let reference = source.configMapRef {
            try add(
                .configMap, reference.name ?? "", isOptional: reference.optional == true, prefix: source.prefix ?? "")
        }
        if let reference = source.secretRef {
            try add(.secret, reference.name ?? "", isOptional: reference.optional == true, prefix: source.prefix ?? "")
        }
    }

    private mutating func add(
        _ kind: ConfigurationSnapshot.Kind, _ name: String, isOptional: Bool, prefix: String
    ) throws(ConfigurationError) {
        guard let contents = configuration.values(kind, name) else {
            if isOptional { return }
            throw ConfigurationError(message: "\(kind.rawValue) \"\(name)\" not found")
        }
        for (key, bytes) in contents.sorted(by: { $0.key < $1.key }) where Self.isName(prefix + key) {
            set(prefix + key, String(decoding: bytes, as: UTF8.self))
        }
    }

    private func value(of variable: EnvVar) throws(ConfigurationError) -> String? {
        guard let source = variable.valueFrom else { return expand(variable.value ?? "") }
        if let field = source.fieldRef {
            if let value = facts.value(of: field.fieldPath, in: pod) { return value }
            throw ConfigurationError(message: "unsupported pod field path: \(field.fieldPath)")
        }
        if let resource = source.resourceFieldRef { return try value(of: resource) }
        if let selector = source.configMapKeyRef {
            return try value(.configMap, selector.name ?? "", selector.key, isOptional: selector.optional == true)
        }
        if let selector = source.secretKeyRef {
            return try value(.secret, selector.name ?? "", selector.key, isOptional: selector.optional == true)
        }
        throw ConfigurationError(message: "env \"\(variable.name)\" has a valueFrom that isn't supported")
    }

    private func value(
        _ kind: ConfigurationSnapshot.Kind, _ name: String, _ key: String, isOptional: Bool
    ) throws(ConfigurationError) -> String? {
        guard let contents = configuration.values(kind, name) else {
            if isOptional { return nil }
            throw ConfigurationError(message: "\(kind.rawValue) \"\(name)\" not found")
        }
        if let bytes = contents[key] { return String(decoding: bytes, as: UTF8.self) }
        if isOptional { return nil }
        let word = kind == .configMap ? "ConfigMap" : "Secret"
        throw ConfigurationError(
            message: "couldn't find key \(key) in \(word) \(pod.metadata.namespace ?? "")/\(name)")
    }

    private func value(of field: ResourceFieldSelector) throws(ConfigurationError) -> String {
        try ResourceField.value(field, in: pod, default: container, nodeCapacity: nodeCapacity)
    }

    /// Environment names from whole objects: keys that aren't names are skipped, as the kubelet does.
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && !name.contains("=") && !name.utf8.contains(0)
    }
}

/// The `$(NAME)` syntax of Kubernetes.
enum VariableExpansion {
    static func expand(_ text: String, _ values: [String: String]) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "(", let close = rest.firstIndex(of: ")") {
                let name = String(rest[rest.index(after: rest.startIndex)..<close])
                result += values[name] ?? "$(\(name))"
                rest = rest[rest.index(after: close)...]
            } else {
                result += "$"
            }
        }
        return result + rest
    }
}
