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
    /// Additions to `spec.ephemeralContainers` of a pod.
    case ephemeralContainers = "ephemeralcontainers"
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
        var (subject, warnings) = try decode(value, type, validation: validation)
        if subject.metadata.resourceVersion?.isEmpty == false {
            throw .badRequest("resourceVersion should not be set on objects to be created")
        }
        try setNamespace(namespace, of: &subject)
        subject.metadata.resourceVersion = nil
        subject.metadata.selfLink = nil
        subject.metadata.generation = nil
        subject.metadata.deletionTimestamp = nil
        subject.metadata.deletionGracePeriodSeconds = nil
        subject.prepareForCreate()
        subject.setDefaults()
        var errors = FieldErrors()
        subject.metadata.validate(type, nameFault: subject.nameFault, into: &errors)
        subject.validate(into: &errors)
        subject.validateCreate(into: &errors)
        try refuse(errors, subject)
        return (try subject.encoded(), warnings + subject.warnings)
    }

    /// Checks the new state of an object against the old one.
    ///
    /// For ``Subresource/status`` only the status is taken from `value`, for ``Subresource/scale`` only
    /// `spec.replicas` (`value` is a `Scale`), for ``Subresource/ephemeralContainers`` only those; otherwise everything but the status.
    public static func update(
        _ value: JSONValue, old: Resource, subresource: Subresource = .none, validation: FieldValidation = .strict
    ) throws(StatusError) -> (resource: Resource, warnings: [String]) {
        if subresource == .scale { return (try Scale.applying(value, to: old), []) }
        var (subject, warnings) = try decode(value, old.type, validation: validation)
        try setNamespace(old.namespace, of: &subject)
        try keepIdentity(of: old, in: &subject)
        switch subresource {
        case .status: try subject.prepareForStatusUpdate(old: old)
        case .ephemeralContainers: try subject.prepareForEphemeralContainersUpdate(old: old)
        case .none, .scale: try subject.prepareForUpdate(old: old)
        }
        subject.setDefaults()
        var errors = FieldErrors()
        subject.metadata.validate(old.type, nameFault: subject.nameFault, into: &errors)
        subject.validate(into: &errors)
        if subresource == .none { try subject.validateUpdate(old: old, into: &errors) }
        if subresource == .ephemeralContainers {
            try subject.validateEphemeralContainersUpdate(old: old, into: &errors)
        }
        try refuse(errors, subject)
        return (try subject.encoded(), warnings + subject.warnings)
    }

    private static func decode(
        _ value: JSONValue, _ type: ResourceType, validation: FieldValidation
    ) throws(StatusError) -> (any AdmissionSubject, warnings: [String]) {
        try checkKind(value, type)
        let (checked, warnings) = try structure(value, type, validation: validation)
        return (try type.subject(checked), warnings)
    }

    /// The document with the right types in its fields, and what to warn of.
    static func structure(
        _ value: JSONValue, _ type: ResourceType, validation: FieldValidation
    ) throws(StatusError) -> (JSONValue, warnings: [String]) {
        var checked: JSONValue
        var unknown: [String]
        if let version = type.customVersion {
            (checked, unknown) = try CustomSubject.structure(value, of: type, version)
        } else {
            (checked, unknown) = try StructureCheck.check(value, type: type)
            if type == .customResourceDefinition { unknown += DefinitionRules.unknownFields(checked) }
        }
        let faults = unknown.map { "unknown field \(JSONValue.string($0))" }
        if validation == .strict, !faults.isEmpty {
            throw StructureCheck.cannotBeHandled(type, "strict decoding error: \(faults.joined(separator: ", "))")
        }
        return (checked, validation == .warn ? faults : [])
    }

    static func checkKind(_ value: JSONValue, _ type: ResourceType) throws(StatusError) {
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

    private static func setNamespace(_ namespace: String?, of object: inout any AdmissionSubject) throws(StatusError) {
        guard object.type.namespaced, let namespace, !namespace.isEmpty else { return }
        if let own = object.metadata.namespace, !own.isEmpty, own != namespace {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
        object.metadata.namespace = namespace
    }

    private static func keepIdentity(of old: Resource, in object: inout any AdmissionSubject) throws(StatusError) {
        let present = try old.objectMeta
        if object.metadata.name.isEmpty { object.metadata.name = present.name }
        guard object.metadata.name == present.name else {
            throw .badRequest(
                "the name of the object (\(object.metadata.name)) does not match the name on the URL "
                    + "(\(present.name))")
        }
        if let uid = object.metadata.uid, !uid.isEmpty, let known = present.uid, uid != known {
            throw .conflict(
                old.key, "Precondition failed: UID in precondition: \(uid), UID in object meta: \(known)")
        }
        object.metadata.uid = present.uid
        object.metadata.creationTimestamp = present.creationTimestamp
        object.metadata.generation = present.generation
        object.metadata.deletionTimestamp = present.deletionTimestamp
        object.metadata.deletionGracePeriodSeconds = present.deletionGracePeriodSeconds
        object.metadata.generateName = present.generateName
        object.metadata.selfLink = nil
    }

    private static func refuse(_ errors: FieldErrors, _ object: any AdmissionSubject) throws(StatusError) {
        guard !errors.causes.isEmpty else { return }
        throw .invalid(object.type, name: object.metadata.name, causes: errors.causes)
    }
}
