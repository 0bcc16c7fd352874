public import JSON

/// An object as the store and the API pass it around: the JSON document, with its type and identity at hand.
public struct Resource: Sendable, Hashable {
    /// The whole document, `apiVersion` and `kind` included.
    public var value: JSONValue
    /// What kind of object it is; follows from `apiVersion` and `kind` when it is made.
    public let type: ResourceType

    /// - Throws: bad request when `apiVersion` and `kind` name no known type or the document is no object.
    public init(value: JSONValue) throws(StatusError) {
        guard case .object = value else {
            throw .badRequest("the body of the request is no JSON object but \(value.typeName)")
        }
        guard let kind = value["kind"]?.stringValue, !kind.isEmpty else {
            throw .badRequest("Object 'Kind' is missing in '\(Self.excerpt(value))'")
        }
        let apiVersion = value["apiVersion"]?.stringValue ?? ""
        guard let type = ResourceType.of(apiVersion: apiVersion, kind: kind) else {
            throw .badRequest("no kind \"\(kind)\" is registered for version \"\(apiVersion)\"")
        }
        self.value = value
        self.type = type
    }

    /// For a document whose type is known, as one read from the store.
    public init(value: JSONValue, type: ResourceType) {
        self.value = value
        self.type = type
        self.value["apiVersion"] = .string(type.apiVersion)
        self.value["kind"] = .string(type.kind)
    }

    /// - Throws: internal error when a number in the object has no JSON form.
    public init<T: KubernetesObject>(encoding object: T) throws(StatusError) {
        do {
            self.init(value: try JSONValue(encoding: object), type: T.resourceType)
        } catch {
            throw .internalError("\(T.resourceType.kind) \"\(object.metadata.name)\" cannot be encoded: \(error)")
        }
    }

    /// The typed object. Missing required fields read as empty, as they do in Kubernetes.
    ///
    /// - Throws: bad request naming the field when a value has the wrong type.
    public func decode<T: KubernetesObject>(as type: T.Type = T.self) throws(StatusError) -> T {
        do {
            return try value.decode(as: type)
        } catch  where error.code == .missing {
            return try StructureCheck.decodeFillingRequired(value, as: type)
        } catch {
            throw StructureCheck.statusError(error, type: self.type)
        }
    }

    public var key: ResourceKey { ResourceKey(type: type, namespace: namespace, name: name) }
    public var name: String { value[path: "metadata", "name"]?.stringValue ?? "" }
    /// nil for types without namespaces, and when none is set.
    public var namespace: String? {
        type.namespaced ? value[path: "metadata", "namespace"]?.stringValue : nil
    }
    public var uid: String { value[path: "metadata", "uid"]?.stringValue ?? "" }
    /// Empty before the object was stored.
    public var resourceVersion: String {
        get { value[path: "metadata", "resourceVersion"]?.stringValue ?? "" }
        set { value[path: "metadata", "resourceVersion"] = newValue.isEmpty ? nil : .string(newValue) }
    }
    public var generation: Int {
        get { value[path: "metadata", "generation"]?.intValue ?? 0 }
        set { value[path: "metadata", "generation"] = .integer(Int64(newValue)) }
    }
    public var creationTimestamp: String? { value[path: "metadata", "creationTimestamp"]?.stringValue }
    public var deletionTimestamp: String? { value[path: "metadata", "deletionTimestamp"]?.stringValue }
    /// Whether deletion was asked for.
    public var isTerminating: Bool { deletionTimestamp != nil }
    /// At a hub, whether this is its picture of something that lives on a device. On a device the label is a user's word and means
    /// nothing.
    public var isMirror: Bool { type != .node && labels[WherryLabels.device] != nil }
    public var labels: [String: String] {
        get { strings("labels") }
        set { setStrings(newValue, "labels") }
    }
    public var annotations: [String: String] {
        get { strings("annotations") }
        set { setStrings(newValue, "annotations") }
    }
    public var finalizers: [String] {
        get { value[path: "metadata", "finalizers"]?.arrayValue?.compactMap(\.stringValue) ?? [] }
        set {
            value[path: "metadata", "finalizers"] = newValue.isEmpty ? nil : .array(newValue.map { .string($0) })
        }
    }
    public var ownerReferences: [OwnerReference] {
        get {
            value[path: "metadata", "ownerReferences"]?.arrayValue?.compactMap {
                try? $0.decode(as: OwnerReference.self)
            } ?? []
        }
        set {
            let references = newValue.compactMap { try? JSONValue(encoding: $0) }
            value[path: "metadata", "ownerReferences"] = references.isEmpty ? nil : .array(references)
        }
    }
    /// The owner that manages this object, if there is one.
    public var controllerOwner: OwnerReference? { ownerReferences.first { $0.controller == true } }

    /// A reference that makes this object the managing owner of another.
    public var asControllerOwner: OwnerReference {
        OwnerReference(
            apiVersion: type.apiVersion, kind: type.kind, name: name, uid: uid, controller: true,
            blockOwnerDeletion: true)
    }

    /// A reference to this object, as events carry it.
    public var asReference: ObjectReference {
        ObjectReference(
            kind: type.kind, namespace: namespace, name: name, uid: uid, apiVersion: type.apiVersion,
            resourceVersion: resourceVersion)
    }

    private func strings(_ field: String) -> [String: String] {
        guard case .object(let members)? = value[path: "metadata", field] else { return [:] }
        return members.compactMapValues(\.stringValue)
    }

    private mutating func setStrings(_ strings: [String: String], _ field: String) {
        value[path: "metadata", field] = strings.isEmpty ? nil : .object(strings.mapValues { .string($0) })
    }

    private static func excerpt(_ value: JSONValue) -> String { String(value.description.prefix(200)) }
}
