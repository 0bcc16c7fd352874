internal import FleetProtocol
internal import JSON
internal import ResourceStore
internal import Resources
internal import SQLite

/// Takes one device's reports into the hub's store: mirrors of its objects, its Node, and its part of the hub's own objects.
/// Works inside one store transaction; what a device reports is checked before it becomes an object.
struct ReportMirror {
    let device: DeviceID
    let transaction: StoreTransaction

    /// Annotation on a mirror: the object's name on the device.
    static let originalName = "wherry.dev/device-name"
    static let mirroredTypes: [ResourceType] = [.deployment, .replicaSet, .pod, .configMap]

    /// What the report touched.
    struct Outcome: Sendable {
        /// Hub-authored objects whose aggregate may have changed.
        var aggregates: Set<ResourceKey> = []
        /// The device's own Node, as reported.
        var node: JSONValue?
    }

    /// Applies the entries of one report message; a bad entry is skipped.
    func apply(_ entries: [Report.Entry]) throws -> Outcome {
        var outcome = Outcome()
        for entry in entries {
            let reference = entry.reference
            guard let type = ResourceType.of(apiVersion: reference.apiVersion, kind: reference.kind) else { continue }
            if type == .node {
                if let object = entry.object { outcome.node = object }
                continue
            }
            guard Self.mirroredTypes.contains(type), Self.isName(reference.name), Self.isName(reference.namespace ?? "")
            else { continue }
            let key = ResourceKey(type: type, namespace: reference.namespace, name: reference.name)
            if let object = entry.object {
                try take(object, key, &outcome)
            } else {
                try drop(key, &outcome)
            }
        }
        return outcome
    }

    /// Ends a full report: what it did not name is gone.
    func dropOthers(than named: Set<FleetProtocol.ObjectReference>) throws -> Outcome {
        var outcome = Outcome()
        func isNamed(_ type: ResourceType, _ namespace: String?, _ name: String) -> Bool {
            named.contains(
                FleetProtocol.ObjectReference(
                    apiVersion: type.apiVersion, kind: type.kind, namespace: namespace, name: name))
        }
        for type in Self.mirroredTypes {
            for mirror in try mirrors(of: type) {
                let name = mirror.annotations[Self.originalName] ?? mirror.name
                if !isNamed(type, mirror.namespace, name) { try remove(mirror.key) }
            }
        }
        for key in try reportedKeys() where !isNamed(key.type, key.namespace, key.name) {
            try forgetReported(key)
            outcome.aggregates.insert(key)
        }
        return outcome
    }

    /// The device is forgotten: all its mirrors go.
    func dropAll() throws {
        for type in Self.mirroredTypes { for mirror in try mirrors(of: type) { try remove(mirror.key) } }
    }

    /// Where an object of the device stands at the hub: its mirror, or the hub's own object.
    func target(of key: ResourceKey) throws -> Resource? {
        if let mirror = try findMirror(key) { return mirror }
        guard let own = try transaction.find(key), !own.isMirror else { return nil }
        return own
    }

    private func mirrors(of type: ResourceType) throws -> [Resource] {
        try transaction.list(type).filter { $0.labels[WherryLabels.device] == device.text }
    }

    // MARK: One object

    private func take(_ object: JSONValue, _ key: ResourceKey, _ outcome: inout Outcome) throws {
        let resource = Resource(value: object, type: key.type)
        guard Self.isWellFormed(resource), resource.name == key.name else { return }
        if resource.annotations[WherryLabels.owner] == WherryLabels.ownerHub {
            if key.type == .deployment || key.type == .pod {
                try saveReported(resource, key)
                outcome.aggregates.insert(key)
            }
            // The hub's own object shows the aggregate; pods are shown one by one besides.
            guard key.type == .pod else { return }
        }
        try ensureNamespace(key.namespace ?? "")
        try mirror(resource, key)
    }

    private func mirror(_ resource: Resource, _ key: ResourceKey) throws {
        if let old = try findMirror(key) {
            guard old.uid == resource.uid else {
                try remove(old.key)
                return try create(resource, key)
            }
            let new = mirrorForm(resource, name: old.name)
            try transaction.replace(new)
            try transaction.replace(new, subresource: .status)
            if key.type == .pod, resource.isTerminating, !old.isTerminating { try transaction.delete(old.key) }
        } else {
            try create(resource, key)
        }
    }

    private func create(_ resource: Resource, _ key: ResourceKey) throws {
        let isTaken = try transaction.find(key) != nil
        let name = isTaken ? "\(key.name).\(device)" : key.name
        let new = mirrorForm(resource, name: name)
        guard name.utf8.count <= 253, try transaction.find(new.key) == nil else { return }
        try transaction.create(new)
        if key.type == .pod, resource.isTerminating { try transaction.delete(new.key) }
    }

    private func drop(_ key: ResourceKey, _ outcome: inout Outcome) throws {
        if let mirror = try findMirror(key) { try remove(mirror.key) }
        if try forgetReported(key) { outcome.aggregates.insert(key) }
    }

    private func remove(_ key: ResourceKey) throws {
        try transaction.delete(key, DeleteOptions(gracePeriodSeconds: 0))
    }

    /// A mirror keeps its name, also after the reason for its suffix is gone.
    private func findMirror(_ key: ResourceKey) throws -> Resource? {
        for name in ["\(key.name).\(device)", key.name] {
            let candidate = ResourceKey(type: key.type, namespace: key.namespace, name: name)
            if let found = try transaction.find(candidate), found.labels[WherryLabels.device] == device.text,
                found.annotations[Self.originalName] == key.name
            {
                return found
            }
        }
        return nil
    }

    private func mirrorForm(_ resource: Resource, name: String) -> Resource {
        var new = resource
        for field in [
            "resourceVersion", "generation", "managedFields", "selfLink", "finalizers", "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] { new.value[path: "metadata", field] = nil }
        new.value[path: "metadata", "name"] = .string(name)
        new.labels[WherryLabels.device] = device.text
        new.annotations[Self.originalName] = resource.name
        if new.annotations[WherryLabels.owner] == nil, new.controllerOwner == nil {
            new.annotations[WherryLabels.owner] = WherryLabels.ownerLocal
        }
        new.annotations[WherryLabels.lastApplied] = nil
        if new.type == .pod { new.value[path: "spec", "nodeName"] = .string(device.text) }
        return new
    }

    private func ensureNamespace(_ name: String) throws {
        let key = ResourceKey(type: .namespace, namespace: nil, name: name)
        if try transaction.find(key) == nil { try transaction.imply(namespace: name) }
    }

    // MARK: The device's part of the hub's objects

    private func saveReported(_ resource: Resource, _ key: ResourceKey) throws {
        let row = ReportedObject(resource)
        try transaction.connection.execute(
            """
            INSERT INTO fleet_reported (device, kind, namespace, name, json) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (device, kind, namespace, name) DO UPDATE SET json = excluded.json WHERE json != excluded.json
            """,
            [
                .text(device.text), .text(key.type.kind), .text(key.namespace ?? ""), .text(key.name),
                .utf8(row.value.serialized()),
            ])
    }

    @discardableResult
    private func forgetReported(_ key: ResourceKey) throws -> Bool {
        try transaction.connection.execute(
            "DELETE FROM fleet_reported WHERE device = ? AND kind = ? AND namespace = ? AND name = ?",
            [.text(device.text), .text(key.type.kind), .text(key.namespace ?? ""), .text(key.name)])
        return transaction.connection.changes > 0
    }

    private func reportedKeys() throws -> [ResourceKey] {
        try transaction.connection.query(
            "SELECT kind, namespace, name FROM fleet_reported WHERE device = ?", [.text(device.text)]
        ) { row in
            ResourceKey(
                type: row.text(0) == "Pod" ? .pod : .deployment, namespace: row.text(1), name: row.text(2))
        }
    }

    // MARK: Checks

    /// A lower-case DNS subdomain; what a device sends never becomes another name.
    static func isName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 46 }
            && text.utf8.first != 45 && text.utf8.first != 46
    }

    /// Whether the API can serve it: a mirror of the wrong shape would break every client's list.
    private static func isWellFormed(_ resource: Resource) -> Bool {
        switch resource.type {
        case .pod: (try? resource.decode(as: Pod.self)) != nil
        case .deployment: (try? resource.decode(as: Deployment.self)) != nil
        case .replicaSet: (try? resource.decode(as: ReplicaSet.self)) != nil
        case .configMap: (try? resource.decode(as: ConfigMap.self)) != nil
        default: false
        }
    }
}

/// What the hub keeps of a device's copy of a hub-authored object.
struct ReportedObject: Sendable, Hashable {
    let value: JSONValue

    init(_ resource: Resource) {
        value = [
            "status": resource.value["status"] ?? [:], "generation": .integer(Int64(resource.generation)),
            "replicas": resource.value[path: "spec", "replicas"] ?? 1,
            "hash": .string(resource.annotations[WherryLabels.hubHash] ?? ""),
        ]
    }

    init(value: JSONValue) { self.value = value }

    var status: JSONValue { value["status"] ?? [:] }
    /// `wherry.dev/hub-hash` on the device's copy.
    var hash: String { value["hash"]?.stringValue ?? "" }
    var replicas: Int { value["replicas"]?.intValue ?? 1 }
    /// Whether the device's controllers have seen the copy's present spec.
    var isObserved: Bool { (status["observedGeneration"]?.intValue ?? 0) >= (value["generation"]?.intValue ?? 0) }

    func count(_ field: String) -> Int { status[field]?.intValue ?? 0 }

    func condition(_ type: String) -> JSONValue? {
        status["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
    }
}
