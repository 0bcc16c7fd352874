public import JSON

/// What to do with fields the schema does not know: the `fieldValidation` query parameter.
public enum FieldValidation: String, Sendable, Hashable {
    case ignore = "Ignore"
    case warn = "Warn"
    case strict = "Strict"
}

/// Which part of an object a write is about.
public enum Subresource: String, Sendable, Hashable {
    case none = ""
    case status
    case scale
}

/// What stands between a document from outside and the store: type check, unknown fields, defaults, validation.
///
/// Bad input changes nothing: every failure is a ``StatusError`` in the words of kube-apiserver.
public enum Admission {
    /// Checks a new object.
    ///
    /// A `metadata.uid` in the document is kept: objects that come in the hub's document have theirs already.
    ///
    /// - Parameters:
    ///   - namespace: The namespace of the request path; filled in when the object names none, refused when it names
    ///     another.
    /// - Returns: The object with defaults, and warnings for the client.
    public static func create(
        _ value: JSONValue, type: ResourceType, namespace: String?, validation: FieldValidation = .strict
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        try create(value, as: type.objectType, namespace: namespace, validation: validation)
    }

    /// Checks the new state of an object against the old one.
    ///
    /// For ``Subresource/status`` only the status is taken from `value`, for ``Subresource/scale`` only
    /// `spec.replicas` (`value` is a `Scale`); otherwise everything but the status.
    public static func update(
        _ value: JSONValue, old: Resource, subresource: Subresource = .none, validation: FieldValidation = .strict
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        if subresource == .scale { return (try Scale.applying(value, to: old), []) }
        return try update(
            value, as: old.type.objectType, old: old, subresource: subresource, validation: validation)
    }

    private static func create<T: AdmittedObject>(
        _ value: JSONValue, as type: T.Type, namespace: String?, validation: FieldValidation
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        let (decoded, warnings) = try decode(value, as: type, validation: validation)
        var object = decoded
        if object.metadata.resourceVersion?.isEmpty == false {
            throw .badRequest("resourceVersion should not be set on objects to be created")
        }
        try setNamespace(namespace, of: &object)
        object.metadata.resourceVersion = nil
        object.metadata.selfLink = nil
        object.metadata.generation = nil
        object.metadata.deletionTimestamp = nil
        object.metadata.deletionGracePeriodSeconds = nil
        object.prepareForCreate()
        object.setDefaults()
        var errors = FieldErrors()
        object.metadata.validate(type, into: &errors)
        object.validate(into: &errors)
        try refuse(errors, object)
        return (try Resource(encoding: object), warnings)
    }

    private static func update<T: AdmittedObject>(
        _ value: JSONValue, as type: T.Type, old: Resource, subresource: Subresource, validation: FieldValidation
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        let (decoded, warnings) = try decode(value, as: type, validation: validation)
        var object = decoded
        let present = try old.decode(as: type)
        try setNamespace(old.namespace, of: &object)
        try keepIdentity(of: present, in: &object, key: old.key)
        if subresource == .status {
            object.prepareForStatusUpdate(old: present)
        } else {
            object.prepareForUpdate(old: present)
        }
        object.setDefaults()
        var errors = FieldErrors()
        object.metadata.validate(type, into: &errors)
        object.validate(into: &errors)
        if subresource == .none { object.validateUpdate(old: present, into: &errors) }
        try refuse(errors, object)
        return (try Resource(encoding: object), warnings)
    }

    private static func decode<T: AdmittedObject>(
        _ value: JSONValue, as type: T.Type, validation: FieldValidation
    ) throws(StatusError) -> (T, warnings: [String]) {
        try checkKind(value, T.resourceType)
        let (checked, unknown) = try StructureCheck.check(value, type: T.resourceType)
        let faults = unknown.map { "unknown field \(JSONValue.string($0))" }
        if validation == .strict, !faults.isEmpty {
            throw StructureCheck.cannotBeHandled(
                T.resourceType, "strict decoding error: \(faults.joined(separator: ", "))")
        }
        let object: T
        do {
            object = try checked.decode(as: type)
        } catch {
            throw StructureCheck.statusError(error, type: T.resourceType)
        }
        try object.checkEncoding()
        return (object, validation == .warn ? faults : [])
    }

    private static func checkKind(_ value: JSONValue, _ type: ResourceType) throws(StatusError) {
        if let kind = value["kind"]?.stringValue, !kind.isEmpty, kind != type.kind {
            throw .badRequest(
                "\(kind) in version \"\(value["apiVersion"]?.stringValue ?? "")\" cannot be handled as a \(type.kind): "
                    + "the object provided is unrecognized (must be of type \(type.kind))")
        }
        if let version = value["apiVersion"]?.stringValue, !version.isEmpty, version != type.apiVersion {
            throw .badRequest(
                "the API version in the data (\(version)) does not match the expected API version (\(type.apiVersion))")
        }
    }

    private static func setNamespace(_ namespace: String?, of object: inout some AdmittedObject) throws(StatusError) {
        guard type(of: object).resourceType.namespaced, let namespace, !namespace.isEmpty else { return }
        if let own = object.metadata.namespace, !own.isEmpty, own != namespace {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
        object.metadata.namespace = namespace
    }

    private static func keepIdentity<T: AdmittedObject>(
        of old: T, in object: inout T, key: ResourceKey
    ) throws(StatusError) {
        if object.metadata.name.isEmpty { object.metadata.name = old.metadata.name }
        guard object.metadata.name == old.metadata.name else {
            throw .badRequest(
                "the name of the object (\(object.metadata.name)) does not match the name on the URL "
                    + "(\(old.metadata.name))")
        }
        if let uid = object.metadata.uid, !uid.isEmpty, let present = old.metadata.uid, uid != present {
            throw .conflict(key, "Precondition failed: UID in precondition: \(uid), UID in object meta: \(present)")
        }
        object.metadata.uid = old.metadata.uid
        object.metadata.creationTimestamp = old.metadata.creationTimestamp
        object.metadata.generation = old.metadata.generation
        object.metadata.deletionTimestamp = old.metadata.deletionTimestamp
        object.metadata.deletionGracePeriodSeconds = old.metadata.deletionGracePeriodSeconds
        object.metadata.generateName = old.metadata.generateName
        object.metadata.selfLink = nil
    }

    private static func refuse(_ errors: FieldErrors, _ object: some AdmittedObject) throws(StatusError) {
        guard !errors.causes.isEmpty else { return }
        throw .invalid(
            type(of: object).resourceType, name: object.metadata.name, causes: errors.causes)
    }
}
