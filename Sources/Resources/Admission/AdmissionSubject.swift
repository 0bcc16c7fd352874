import JSON

/// An object on its way through admission: one with a struct of its own, or a document of a declared kind.
protocol AdmissionSubject {
    var type: ResourceType { get }
    var metadata: ObjectMeta { get set }
    mutating func prepareForCreate()
    mutating func prepareForUpdate(old: Resource) throws(StatusError)
    mutating func prepareForStatusUpdate(old: Resource) throws(StatusError)
    /// Takes over everything but the ephemeral containers from the old object.
    mutating func prepareForEphemeralContainersUpdate(old: Resource) throws(StatusError)
    mutating func setDefaults()
    /// What is wrong with a name; nil when it will do.
    func nameFault(_ name: String) -> String?
    func validate(into errors: inout FieldErrors)
    /// What only a new object may not have.
    func validateCreate(into errors: inout FieldErrors)
    func validateUpdate(old: Resource, into errors: inout FieldErrors) throws(StatusError)
    func validateEphemeralContainersUpdate(old: Resource, into errors: inout FieldErrors) throws(StatusError)
    func encoded() throws(StatusError) -> Resource
    /// What its writer should know although it is stored.
    var warnings: [String] { get }
}

extension AdmissionSubject {
    var warnings: [String] { [] }
}

extension AdmissionSubject {
    mutating func prepareForEphemeralContainersUpdate(old: Resource) throws(StatusError) {}
    func validateCreate(into errors: inout FieldErrors) {}
    func validateEphemeralContainersUpdate(old: Resource, into errors: inout FieldErrors) throws(StatusError) {}
}

extension ResourceType {
    /// - Parameter document: as ``StructureCheck`` returned it.
    func subject(_ document: JSONValue) throws(StatusError) -> any AdmissionSubject {
        func modelled<T: AdmittedObject>(_ type: T.Type) throws(StatusError) -> any AdmissionSubject {
            try ModelledSubject<T>(document)
        }
        if let customVersion { return try CustomSubject(self, customVersion, document) }
        guard let kind = Kind.of(self) else { return try modelled(objectType) }
        return try DeclaredSubject(kind: kind, document)
    }
}

private struct ModelledSubject<T: AdmittedObject>: AdmissionSubject {
    var object: T

    init(_ document: JSONValue) throws(StatusError) {
        do { object = try document.decode(as: T.self) } catch {
            throw StructureCheck.statusError(error, type: T.resourceType)
        }
        try object.checkEncoding()
    }

    var type: ResourceType { T.resourceType }
    var metadata: ObjectMeta {
        get { object.metadata }
        set { object.metadata = newValue }
    }
    mutating func prepareForCreate() { object.prepareForCreate() }
    mutating func prepareForUpdate(old: Resource) throws(StatusError) {
        object.prepareForUpdate(old: try old.decode(as: T.self))
    }
    mutating func prepareForStatusUpdate(old: Resource) throws(StatusError) {
        object.prepareForStatusUpdate(old: try old.decode(as: T.self))
    }
    mutating func prepareForEphemeralContainersUpdate(old: Resource) throws(StatusError) {
        object.prepareForEphemeralContainersUpdate(old: try old.decode(as: T.self))
    }
    mutating func setDefaults() { object.setDefaults() }
    func nameFault(_ name: String) -> String? { T.validateName(name) }
    func validate(into errors: inout FieldErrors) { object.validate(into: &errors) }
    func validateCreate(into errors: inout FieldErrors) { object.validateCreate(into: &errors) }
    func validateEphemeralContainersUpdate(old: Resource, into errors: inout FieldErrors) throws(StatusError) {
        object.validateEphemeralContainersUpdate(old: try old.decode(as: T.self), into: &errors)
    }
    func validateUpdate(old: Resource, into errors: inout FieldErrors) throws(StatusError) {
        object.validateUpdate(old: try old.decode(as: T.self), into: &errors)
    }
    func encoded() throws(StatusError) -> Resource { try Resource(encoding: object) }
}

private struct DeclaredSubject: AdmissionSubject {
    let kind: Kind
    private var document: JSONValue
    var metadata: ObjectMeta

    init(kind: Kind, _ document: JSONValue) throws(StatusError) {
        self.kind = kind
        self.document = document
        metadata = try Resource(value: document, type: kind.type).objectMeta
    }

    var type: ResourceType { kind.type }
    mutating func prepareForCreate() { if kind.hasStatus { document["status"] = nil } }
    mutating func prepareForUpdate(old: Resource) {
        if kind.hasStatus { document["status"] = old.value["status"] }
        kind.keepsOfOld(&document, old.value)
    }
    mutating func prepareForStatusUpdate(old: Resource) {
        let status = document["status"]
        document = old.value
        document["status"] = status
        metadata.labels = old.labels.isEmpty ? nil : old.labels
    }
    mutating func setDefaults() { kind.defaults(&document) }
    var warnings: [String] { kind.type == .customResourceDefinition ? DefinitionRules.warnings(document) : [] }
    func nameFault(_ name: String) -> String? { kind.nameFault(name) }
    func validate(into errors: inout FieldErrors) { kind.rules(document, &errors) }
    func validateUpdate(old: Resource, into errors: inout FieldErrors) {
        kind.updateRules(document, old.value, &errors)
    }
    func encoded() throws(StatusError) -> Resource {
        var value = document
        do { value["metadata"] = try JSONValue(encoding: metadata) } catch {
            throw .internalError("\(type.kind) \"\(metadata.name)\" cannot be encoded: \(error)")
        }
        return Resource(value: value, type: type)
    }
}

extension Resource {
    /// Its metadata, typed.
    var objectMeta: ObjectMeta {
        get throws(StatusError) {
            var metadata = value["metadata"] ?? [:]
            if metadata["name"] == nil { metadata["name"] = "" }
            do { return try metadata.decode(as: ObjectMeta.self) } catch {
                throw StructureCheck.statusError(error, type: type)
            }
        }
    }
}
