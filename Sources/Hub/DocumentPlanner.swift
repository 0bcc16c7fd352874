internal import FleetProtocol
internal import JSON
internal import Resources

/// Decides which objects each device has. Pure: objects in, documents out.
struct DocumentPlanner {
    /// What the planner made of the fleet's objects.
    struct Plan: Sendable {
        var documents: [DeviceID: Document] = [:]
        /// Hub-authored Deployments and Pods → the devices that have them.
        var assignments: [ResourceKey: Set<DeviceID>] = [:]
        /// The value of `wherry.dev/hub-hash` that a device puts on its copy.
        var hashes: [ResourceKey: String] = [:]
    }

    /// Every device has these already; a device's own `default` is not the hub's.
    static let systemNamespaces: Set<String> = ["default", "kube-system", "kube-public", "kube-node-lease"]

    private let workloads: [Resource]
    private let configMaps: [ResourceKey: Resource]
    private let secrets: [ResourceKey: Resource]
    private let namespaces: [String: Resource]
    private let accounts: [ResourceKey: Resource]

    /// - Parameter objects: all Deployments, Pods, ConfigMaps, Secrets, ServiceAccounts and Namespaces of the hub; mirrors are left out here.
    init(objects: [Resource]) {
        // What is in a namespace that is being deleted goes from the devices with it, even what a finalizer holds here.
        let leaving = Set(objects.filter { $0.type == .namespace && $0.isTerminating }.map(\.name))
        let own = objects.filter {
            !$0.isMirror && !$0.isTerminating && !($0.namespace.map(leaving.contains) ?? false)
        }
        workloads = own.filter { $0.type == .deployment || $0.type == .pod }
        configMaps = Dictionary(own.filter { $0.type == .configMap }.map { ($0.key, $0) }) { first, _ in first }
        secrets = Dictionary(own.filter { $0.type == .secret }.map { ($0.key, $0) }) { first, _ in first }
        accounts = Dictionary(own.filter { $0.type == .serviceAccount }.map { ($0.key, $0) }) { first, _ in first }
        namespaces = Dictionary(own.filter { $0.type == .namespace }.map { ($0.name, $0) }) { first, _ in first }
    }

    /// - Parameter nodes: the devices' Node objects, by device.
    func plan(nodes: [DeviceID: Resource]) -> Plan {
        var plan = Plan()
        let prepared = workloads.map { prepare($0) }
        for item in prepared {
            plan.assignments[item.key] = []
            plan.hashes[item.key] = Document.hash(of: item.object)
        }
        for (device, node) in nodes {
            var objects: [ResourceKey: JSONValue] = [:]
            let labels = node.labels
            for item in prepared where item.isWanted(device, labels) {
                plan.assignments[item.key]?.insert(device)
                objects[item.key] = item.object
                for (key, value) in item.references { objects[key] = value }
            }
            plan.documents[device] = Document(
                nodeLabels: labels.filter { Self.travels(label: $0.key) }, objects: Array(objects.values))
        }
        return plan
    }

    /// Labels of the hub's Node that the device's Node gets; what the device knows better itself stays.
    static func travels(label: String) -> Bool {
        label != WherryLabels.device && !label.hasPrefix("kubernetes.io/") && !label.hasPrefix("beta.kubernetes.io/")
    }

    // MARK: One workload

    private struct Prepared {
        let key: ResourceKey
        let object: JSONValue
        let nodeName: String?
        let conditions: NodeConditions
        /// Its Namespace, ConfigMaps, Secrets and ServiceAccount.
        let references: [ResourceKey: JSONValue]

        func isWanted(_ device: DeviceID, _ labels: [String: String]) -> Bool {
            if let nodeName, nodeName != device.text { return false }
            return conditions.hold(name: device.text, labels: labels)
        }
    }

    private func prepare(_ resource: Resource) -> Prepared {
        let spec = resource.podSpec
        var object = Self.documentForm(resource)
        if var pod = spec {
            // The device's own agent binds it; a device's name for itself may differ from the hub's.
            pod["nodeName"] = nil
            NodeConditions.forgetNames(in: &pod)
            if resource.type == .pod { object["spec"] = pod } else { object[path: "spec", "template", "spec"] = pod }
        }
        var references: [ResourceKey: JSONValue] = [:]
        let namespace = resource.namespace ?? ""
        if !Self.systemNamespaces.contains(namespace), let found = namespaces[namespace] {
            references[found.key] = Self.documentForm(found)
        }
        let names = PodReferences(spec: spec ?? .null)
        for name in names.configMaps {
            let key = ResourceKey(type: .configMap, namespace: namespace, name: name)
            references[key] = configMaps[key].map(Self.documentForm)
        }
        for name in names.secrets {
            let key = ResourceKey(type: .secret, namespace: namespace, name: name)
            references[key] = secrets[key].map(Self.documentForm)
        }
        // Every namespace of a device has its own `default`.
        let account = PodIdentity.account(inSpec: spec)
        if account != PodIdentity.defaultAccount {
            let key = ResourceKey(type: .serviceAccount, namespace: namespace, name: account)
            references[key] = accounts[key].map(Self.documentForm)
        }
        return Prepared(
            key: resource.key, object: object,
            nodeName: spec?["nodeName"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 },
            conditions: NodeConditions(spec: spec ?? [:]),
            references: references)
    }

    /// An object as a document carries it: what the author wrote, with the hub's uid, without what servers add.
    static func documentForm(_ resource: Resource) -> JSONValue {
        var value = resource.value
        value["status"] = nil
        let metadata = value["metadata"]
        var kept: JSONValue = [:]
        for field in ["name", "namespace", "uid", "labels"] { kept[field] = metadata?[field] }
        let annotations = resource.annotations.filter {
            $0.key != WherryLabels.lastApplied && $0.key != WherryLabels.deploymentRevision
        }
        if !annotations.isEmpty { kept["annotations"] = .object(annotations.mapValues { .string($0) }) }
        value["metadata"] = kept
        if resource.type == .namespace { value["spec"] = nil }
        return value
    }
}

/// The ConfigMaps and Secrets that a pod spec names.
struct PodReferences {
    private(set) var configMaps: Set<String> = []
    private(set) var secrets: Set<String> = []

    init(spec: JSONValue) {
        for list in ["initContainers", "containers"] {
            for container in spec[list]?.arrayValue ?? [] {
                for variable in container["env"]?.arrayValue ?? [] {
                    add(configMap: variable[path: "valueFrom", "configMapKeyRef", "name"])
                    add(secret: variable[path: "valueFrom", "secretKeyRef", "name"])
                }
                for source in container["envFrom"]?.arrayValue ?? [] {
                    add(configMap: source[path: "configMapRef", "name"])
                    add(secret: source[path: "secretRef", "name"])
                }
            }
        }
        for volume in spec["volumes"]?.arrayValue ?? [] {
            add(configMap: volume[path: "configMap", "name"])
            add(secret: volume[path: "secret", "secretName"])
            for source in volume[path: "projected", "sources"]?.arrayValue ?? [] {
                add(configMap: source[path: "configMap", "name"])
                add(secret: source[path: "secret", "name"])
            }
        }
        for reference in spec["imagePullSecrets"]?.arrayValue ?? [] { add(secret: reference["name"]) }
    }

    private mutating func add(configMap name: JSONValue?) {
        if let name = name?.stringValue { configMaps.insert(name) }
    }
    private mutating func add(secret name: JSONValue?) { if let name = name?.stringValue { secrets.insert(name) } }
}

extension Resource {
    /// The spec of the pods that this object makes or is.
    var podSpec: JSONValue? {
        switch type {
        case .pod: value["spec"]
        case .deployment, .replicaSet: value[path: "spec", "template", "spec"]
        default: nil
        }
    }
}
