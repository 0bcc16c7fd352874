public import FleetProtocol
import JSON
public import ResourceStore
public import Resources
import SQLite

/// Brings the objects of a document into the device's store. Works inside one transaction and may be repeated at any time.
///
/// Ownership decides: an object of another origin is never touched; one of this origin is written only when it changed there,
/// so that local changes to it live until then.
public struct DocumentApplier {
    public struct Outcome: Sendable {
        public internal(set) var written = 0
        public internal(set) var deleted = 0
        /// Could not be done: `conflict` or `invalid`, the object, and why.
        public internal(set) var failures: [Failure] = []
        /// Objects whose local state differs from what was sent.
        var locallyModified: [String] = []
        /// Waits for something: an object that is still being deleted, a Node that does not exist yet.
        public internal(set) var pending: [String] = []
    }

    public struct Failure: Sendable {
        public let code: String
        public let key: ResourceKey
        public let message: String
    }

    private let transaction: StoreTransaction
    private let nodeName: String
    private let origin: ObjectOrigin
    private var outcome = Outcome()
    private var known: [ResourceKey: String] = [:]

    /// - Throws: only what must undo the whole transaction, such as a full disk.
    public static func apply(
        _ document: Document, from origin: ObjectOrigin = .hub, nodeName: String, in transaction: StoreTransaction
    ) throws -> Outcome {
        var applier = DocumentApplier(transaction: transaction, nodeName: nodeName, origin: origin)
        try applier.apply(document)
        return applier.outcome
    }

    private init(transaction: StoreTransaction, nodeName: String, origin: ObjectOrigin) {
        self.transaction = transaction
        self.nodeName = nodeName
        self.origin = origin
    }

    private mutating func apply(_ document: Document) throws {
        known = try origin.known(transaction)
        // Objects may be of kinds that the document itself defines: definitions are put first.
        let definitions = document.objects.filter { Self.isDefinition($0) }
        for object in definitions {
            if let key = key(of: object) { try guarded(key) { applier throws in try applier.put(key, object) } }
        }
        var wanted: [ResourceKey: JSONValue] = [:]
        for object in document.objects {
            if let key = key(of: object) { wanted[key] = object } else { outcome.failures.append(unknownKind(object)) }
        }
        // Again, as the kinds are now: some came to be known, of others the stored version changed. The definitions are recorded.
        known = try origin.known(transaction)
        try remove(except: wanted)
        let ordered = wanted.sorted { ($0.key.order, $0.key.description) < ($1.key.order, $1.key.description) }
        for (key, object) in ordered where !Self.isDefinition(object) {
            try guarded(key) { applier throws in
                try applier.ensureNamespace(key.namespace)
                try applier.put(key, object)
            }
        }
        if origin == .hub { try mergeNodeLabels(document.nodeLabels) }
    }

    private static func isDefinition(_ object: JSONValue) -> Bool {
        object["kind"]?.stringValue == ResourceType.customResourceDefinition.kind
            && object["apiVersion"]?.stringValue == ResourceType.customResourceDefinition.apiVersion
    }

    /// nil for a kind that nobody here knows.
    private func key(of object: JSONValue) -> ResourceKey? {
        guard let reference = FleetProtocol.ObjectReference(of: object),
            let type = transaction.types.storing(apiVersion: reference.apiVersion, kind: reference.kind)
        else { return nil }
        let namespace = type.namespaced ? reference.namespace ?? "default" : nil
        return ResourceKey(type: type, namespace: namespace, name: reference.name)
    }

    /// An object that the store refuses does not block the others; a store that cannot write stops everything.
    private mutating func guarded(_ key: ResourceKey, _ body: (inout DocumentApplier) throws -> Void) throws {
        do { try body(&self) } catch let error as StatusError {
            guard error.code < 500 else { throw error }
            outcome.failures.append(Failure(code: "invalid", key: key, message: error.message))
        }
    }

    // MARK: Create and replace

    private mutating func put(_ key: ResourceKey, _ object: JSONValue) throws {
        // A definition on its way out takes its objects with it: they come back when it does.
        if key.type.custom?.isTerminating == true {
            try origin.forget(key, transaction.connection)
            known[key] = nil
            outcome.pending.append(key.description)
            return
        }
        let hash = Document.hash(of: object)
        guard let existing = try transaction.find(key) else {
            if known[key] == hash {
                // Deleted here: that holds until the hub changes the object.
                outcome.locallyModified.append(key.description)
                return
            }
            _ = try transaction.create(try admitted(key, object, hash))
            return try wrote(key, hash)
        }
        guard existing.annotations[WherryLabels.owner] == origin.owner else {
            if key.type == .namespace { return }
            outcome.failures.append(
                Failure(code: "conflict", key: key, message: Self.conflict(existing)))
            return
        }
        if existing.isTerminating {
            outcome.pending.append(key.description)
            return
        }
        if known[key] == hash, existing.annotations[origin.hashAnnotation] == hash {
            if try differs(existing, from: try admitted(key, object, hash)) {
                outcome.locallyModified.append(key.description)
            }
            return
        }
        if try replace(existing, with: try admitted(key, object, hash)) { try wrote(key, hash) }
    }

    /// False when the old object has to go first, which takes its time: the next round makes the new one.
    private mutating func replace(_ existing: Resource, with new: Resource) throws -> Bool {
        guard new.uid.isEmpty || new.uid == existing.uid else {
            // The hub deleted it and made it anew: so does the device.
            if case .marked = try transaction.delete(existing.key, DeleteOptions(propagation: .background)) {
                outcome.pending.append(existing.key.description)
                return false
            }
            _ = try transaction.create(new)
            return true
        }
        var value = new
        var annotations = existing.annotations.filter { $0.key.hasPrefix("deployment.kubernetes.io/") }
        annotations.merge(new.annotations) { $1 }
        value.annotations = annotations
        value.resourceVersion = existing.resourceVersion
        value.value[path: "metadata", "creationTimestamp"] = existing.value[path: "metadata", "creationTimestamp"]
        value.finalizers = existing.finalizers
        if value.type == .pod, let node = existing.value[path: "spec", "nodeName"] {
            value.value[path: "spec", "nodeName"] = node
        }
        if value.type == .pod { PodIdentity.carry(from: existing, to: &value) }
        value.managedFields = existing.managedFields
        let writer = FieldWriter(name: origin.fieldManager, time: transaction.now.text)
        _ = try transaction.replace(writer.update(value, old: existing))
        return true
    }

    /// The object as this device stores it: checked, defaulted and marked as the hub's.
    private func admitted(_ key: ResourceKey, _ object: JSONValue, _ hash: String) throws -> Resource {
        var value = object
        value["status"] = nil
        var metadata: JSONValue = ["name": .string(key.name)]
        for field in ["uid", "labels", "annotations"] { metadata[field] = object["metadata"]?[field] }
        if let namespace = key.namespace { metadata["namespace"] = .string(namespace) }
        value["metadata"] = metadata
        let stated = transaction.types.served(
            apiVersion: object["apiVersion"]?.stringValue ?? "", kind: object["kind"]?.stringValue ?? "")
        var resource = try Admission.create(
            value, in: ServedForm.of(stated ?? key.type), namespace: key.namespace, validation: .ignore
        ).resource
        resource.annotations[WherryLabels.owner] = origin.owner
        resource.annotations[origin.hashAnnotation] = hash
        return resource
    }

    /// Whether what users write differs; what controllers and the binding add does not count.
    private func differs(_ existing: Resource, from hub: Resource) throws -> Bool {
        func content(_ resource: Resource) -> [String: JSONValue] {
            var fields = resource.value.objectValue ?? [:]
            for field in ["status", "metadata", "apiVersion", "kind"] { fields[field] = nil }
            fields["spec"]?["nodeName"] = nil
            if resource.type == .namespace { fields["spec"] = nil }
            fields["labels"] = .object(
                resource.labels.filter { $0.key != WherryLabels.namespaceName }.mapValues { .string($0) })
            return fields
        }
        var hub = hub
        if hub.type == .pod { PodIdentity.carry(from: existing, to: &hub) }
        if hub.type == .service { ServiceFields.carry(from: existing.value, to: &hub.value) }
        return content(existing) != content(hub)
    }

    /// A namespace that the document only implies belongs to the hub, as if it stood there.
    private mutating func ensureNamespace(_ name: String?) throws {
        guard let name else { return }
        let key = ResourceKey(type: .namespace, namespace: nil, name: name)
        guard try transaction.find(key) == nil else { return }
        let value: JSONValue = ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
        _ = try transaction.create(try admitted(key, value, "implied"))
        try wrote(key, "implied")
    }

    // MARK: Delete

    /// Deletes hub objects that are no longer in the document; what became the device's own stays.
    private mutating func remove(except wanted: [ResourceKey: JSONValue]) throws {
        let namespaces = Set(wanted.keys.compactMap(\.namespace))
        // Namespaces last: their content goes first.
        for (key, _) in known.sorted(by: { ($0.key.order, $0.key.description) > ($1.key.order, $1.key.description) })
        where wanted[key] == nil && !(key.type == .namespace && namespaces.contains(key.name)) {
            if let existing = try transaction.find(key),
                existing.annotations[WherryLabels.owner] == origin.owner, !existing.isTerminating
            {
                if key.type == .namespace, try holdsLocalObjects(key.name) {
                    _ = try transaction.update(key) { $0.annotations[WherryLabels.owner] = WherryLabels.ownerLocal }
                } else {
                    _ = try transaction.delete(key, DeleteOptions(propagation: .background))
                    outcome.deleted += 1
                }
            }
            try forget(key)
        }
    }

    /// Whether deleting a namespace would take something that is not the hub's.
    private func holdsLocalObjects(_ namespace: String) throws -> Bool {
        for type in transaction.types.all where type.namespaced && type != .event {
            for object in try transaction.list(type, namespace: namespace)
            where object.controllerOwner == nil && !Self.everyNamespaceHas(object)
                && object.annotations[WherryLabels.owner] != origin.owner
            {
                return true
            }
        }
        return false
    }

    private static func everyNamespaceHas(_ object: Resource) -> Bool {
        switch object.type {
        case .serviceAccount: object.name == PodIdentity.defaultAccount
        case .configMap: object.name == PodIdentity.rootCertificates
        default: false
        }
    }

    // MARK: Node labels

    private static let hubLabels = "wherry.dev/hub-labels"

    /// Sets the hub's labels on the device's Node and takes away those that the hub took away.
    private mutating func mergeNodeLabels(_ labels: [String: String]) throws {
        let key = ResourceKey(type: .node, namespace: nil, name: nodeName)
        guard let node = try transaction.find(key) else {
            if !labels.isEmpty { outcome.pending.append(key.description) }
            return
        }
        let names = labels.keys.sorted().joined(separator: ",")
        let former = (node.annotations[Self.hubLabels] ?? "").split(separator: ",").map(String.init)
        var new = node
        for name in former where labels[name] == nil { new.labels[name] = nil }
        for (name, value) in labels { new.labels[name] = value }
        new.annotations[Self.hubLabels] = names.isEmpty ? nil : names
        if new != node { _ = try transaction.replace(new) }
    }

    private static func conflict(_ existing: Resource) -> String {
        switch existing.annotations[WherryLabels.owner] {
        case WherryLabels.ownerHub: "\(existing.key) is the hub's; it was not touched"
        case let owner? where owner.hasPrefix(WherryLabels.ownerBundlePrefix):
            "\(existing.key) came with the bundle \(owner.dropFirst(WherryLabels.ownerBundlePrefix.count)); it was not touched"
        default: "the device has its own \(existing.key); it was not touched"
        }
    }

    private mutating func wrote(_ key: ResourceKey, _ hash: String) throws {
        outcome.written += 1
        guard known[key] != hash else { return }
        known[key] = hash
        try origin.remember(key, hash, transaction.connection)
    }

    private func forget(_ key: ResourceKey) throws { try origin.forget(key, transaction.connection) }

    private func unknownKind(_ object: JSONValue) -> Failure {
        let kind = object["kind"]?.stringValue ?? "?"
        let name = object["metadata"]?["name"]?.stringValue ?? "?"
        return Failure(
            code: "invalid", key: ResourceKey(type: .node, namespace: nil, name: nodeName),
            message: "this device knows no kind \"\(kind)\" (object \(name)): update Wherry here")
    }
}
