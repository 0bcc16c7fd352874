/// What a kind adds to the general checks.
protocol AdmittedObject: KubernetesObject {
    /// Drops what clients may not set on creation.
    mutating func prepareForCreate()
    /// Takes over from the old object what a write of the main resource may not change.
    mutating func prepareForUpdate(old: Self)
    /// Takes over everything but the status from the old object.
    mutating func prepareForStatusUpdate(old: Self)
    /// Takes over everything but the ephemeral containers from the old object.
    mutating func prepareForEphemeralContainersUpdate(old: Self)
    mutating func setDefaults()
    /// Refuses values that do not read as what they should be, before anything else is looked at.
    func checkEncoding() throws(StatusError)
    /// The form of `metadata.name`.
    static func validateName(_ name: String) -> String?
    func validate(into errors: inout FieldErrors)
    /// What only a new object may not have.
    func validateCreate(into errors: inout FieldErrors)
    func validateUpdate(old: Self, into errors: inout FieldErrors)
    func validateEphemeralContainersUpdate(old: Self, into errors: inout FieldErrors)
    /// Whether there is a status that is written apart from the rest.
    static var hasStatus: Bool { get }
}

extension AdmittedObject {
    mutating func prepareForCreate() {}
    mutating func prepareForUpdate(old: Self) {}
    mutating func prepareForStatusUpdate(old: Self) {}
    mutating func prepareForEphemeralContainersUpdate(old: Self) {}
    mutating func setDefaults() {}
    func checkEncoding() throws(StatusError) {}
    static func validateName(_ name: String) -> String? { NameRules.subdomain(name) }
    func validate(into errors: inout FieldErrors) {}
    func validateCreate(into errors: inout FieldErrors) {}
    func validateUpdate(old: Self, into errors: inout FieldErrors) {}
    func validateEphemeralContainersUpdate(old: Self, into errors: inout FieldErrors) {}
    static var hasStatus: Bool { false }
}
