import JSON

/// An object of a custom kind on its way through admission.
struct CustomSubject: AdmissionSubject {
    let type: ResourceType
    private let version: CustomKind.Version
    private var document: JSONValue
    /// The present object when this is its new state.
    private var former: JSONValue?
    var metadata: ObjectMeta

    /// - Parameter document: as ``structure(_:of:)`` returned it.
    init(_ type: ResourceType, _ version: CustomKind.Version, _ document: JSONValue) throws(StatusError) {
        self.type = type
        self.version = version
        self.document = document
        metadata = try Resource(value: document, type: type).objectMeta
    }

    /// The document without unknown fields, and their paths.
    ///
    /// - Throws: bad request for metadata of wrong types.
    static func structure(
        _ value: JSONValue, of type: ResourceType, _ version: CustomKind.Version
    ) throws(StatusError) -> (value: JSONValue, unknownFields: [String]) {
        guard case .object = value else {
            throw .badRequest("the body of the request is no JSON object but \(value.typeName)")
        }
        var unknown: [String] = []
        var document = version.schema.pruned(value, isObject: true, unknown: &unknown)
        document["apiVersion"] = nil
        document["kind"] = nil
        let (checked, more) = try StructureCheck.check(["metadata": value["metadata"] ?? [:]], type: type)
        document["metadata"] = checked["metadata"] ?? [:]
        return (document, (unknown + more).sorted())
    }

    mutating func prepareForCreate() { if version.hasStatus { document["status"] = nil } }

    mutating func prepareForUpdate(old: Resource) {
        former = old.value
        if version.hasStatus { document["status"] = old.value["status"] }
    }

    mutating func prepareForStatusUpdate(old: Resource) {
        former = old.value
        let status = document["status"]
        document = old.value
        document["status"] = status
        metadata.labels = old.labels.isEmpty ? nil : old.labels
    }

    mutating func setDefaults() {
        document = version.schema.defaulted(document)
    }

    func nameFault(_ name: String) -> String? { NameRules.subdomain(name) }

    func validate(into errors: inout FieldErrors) {
        version.schema.validate(
            Resource(value: document, type: type).value, former: former.map(version.schema.defaulted), into: &errors)
        if let scale = version.scale, let replicas = CustomScale.value(at: scale.specReplicas, in: document)?.intValue,
            !(0...Int(Int32.max)).contains(replicas)
        {
            errors.invalid(
                scale.specReplicas.joined(separator: "."), replicas,
                replicas < 0
                    ? "should be a non-negative integer" : "should be less than or equal to \(Int32.max)")
        }
    }

    func validateUpdate(old: Resource, into errors: inout FieldErrors) {}

    func encoded() throws(StatusError) -> Resource {
        var value = document
        do { value["metadata"] = try JSONValue(encoding: metadata) } catch {
            throw .internalError("\(type.kind) \"\(metadata.name)\" cannot be encoded: \(error)")
        }
        return Resource(value: value, type: type)
    }
}

extension ServedForm {
    /// The form in which a version of a custom kind is served. Without conversion, versions differ in `apiVersion` and in what their
    /// schemas know and default.
    init(_ type: ResourceType, of kind: CustomKind) {
        self.init(
            type, of: kind.storedType,
            selectorFields: Dictionary(
                (type.customVersion?.selectableFields ?? []).map { ($0, $0) }
            ) { first, _ in first },
            toServed: { value in
                // A bookmark has nothing that could default.
                guard value[path: "metadata", "name"] != nil else { return }
                for version in [kind.storedVersion, type.version] {
                    guard let schema = kind[version]?.schema else { continue }
                    var unknown: [String] = []
                    let metadata = value["metadata"]
                    value = schema.defaulted(schema.pruned(value, isObject: true, unknown: &unknown))
                    value["metadata"] = metadata
                    if kind.storedVersion == type.version { break }
                }
            })
    }
}
