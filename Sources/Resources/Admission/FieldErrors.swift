import JSON

/// Collects what is wrong with an object, in the words of k8s.io/apimachinery's field errors.
struct FieldErrors {
    private(set) var causes: [StatusError.Cause] = []

    /// A fault list with hundreds of entries helps nobody and costs memory.
    private static let limit = 50

    private mutating func add(_ reason: String, _ field: String, _ message: String) {
        guard causes.count < Self.limit else { return }
        causes.append(StatusError.Cause(reason: reason, message: message, field: field))
    }

    mutating func required(_ field: String, _ detail: String = "") {
        add("FieldValueRequired", field, detail.isEmpty ? "Required value" : "Required value: \(detail)")
    }

    mutating func invalid(_ field: String, _ value: JSONValue, _ detail: String) {
        add("FieldValueInvalid", field, "Invalid value: \(value): \(detail)")
    }

    mutating func invalid(_ field: String, _ value: String, _ detail: String) {
        invalid(field, .string(value), detail)
    }

    mutating func invalid(_ field: String, _ value: Int, _ detail: String) {
        invalid(field, .integer(Int64(value)), detail)
    }

    mutating func notSupported(_ field: String, _ value: String, _ supported: [String]) {
        let list = supported.map { JSONValue.string($0).description }.joined(separator: ", ")
        add(
            "FieldValueNotSupported", field,
            "Unsupported value: \(JSONValue.string(value)): supported values: \(list)")
    }

    mutating func duplicate(_ field: String, _ value: String) {
        add("FieldValueDuplicate", field, "Duplicate value: \(JSONValue.string(value))")
    }

    mutating func duplicate(_ field: String, _ value: Int) {
        add("FieldValueDuplicate", field, "Duplicate value: \(value)")
    }

    mutating func notFound(_ field: String, _ value: String) {
        add("FieldValueNotFound", field, "Not found: \(JSONValue.string(value))")
    }

    mutating func forbidden(_ field: String, _ detail: String) {
        add("FieldValueForbidden", field, "Forbidden: \(detail)")
    }

    mutating func tooLong(_ field: String, maxBytes: Int) {
        add("FieldValueTooLong", field, "Too long: may not be more than \(maxBytes) bytes")
    }

    /// One of the values, or unset.
    mutating func oneOf(_ field: String, _ value: String?, _ supported: [String]) {
        if let value, !supported.contains(value) { notSupported(field, value, supported) }
    }

    mutating func notNegative(_ field: String, _ value: Int?) {
        if let value, value < 0 { invalid(field, value, "must be greater than or equal to 0") }
    }

    mutating func port(_ field: String, _ value: Int) {
        if !(1...65535).contains(value) { invalid(field, value, "must be between 1 and 65535, inclusive") }
    }

    mutating func unique(_ field: (Int) -> String, _ names: [String]) {
        var seen: Set<String> = []
        for (index, name) in names.enumerated() where !name.isEmpty && !seen.insert(name).inserted {
            duplicate(field(index), name)
        }
    }

    mutating func notChanged(_ field: String, _ same: Bool, _ value: @autoclosure () -> JSONValue) {
        if !same { invalid(field, value(), "field is immutable") }
    }

    mutating func append(_ others: FieldErrors) {
        for cause in others.causes { add(cause.reason, cause.field, cause.message) }
    }

    /// The same with all fields below another one.
    func moved(below path: String) -> FieldErrors {
        var moved = FieldErrors()
        moved.causes = causes.map { cause in
            var cause = cause
            cause.field = "\(path).\(cause.field)"
            return cause
        }
        return moved
    }

    // MARK: What a schema finds

    /// A value that a schema refuses: `spec.x in body …`.
    mutating func body(_ field: String, _ value: JSONValue, _ detail: String, prefix: String = "") {
        invalid(field, value, "\(prefix)\(field) in body \(detail)")
    }

    mutating func wrongType(_ field: String, _ found: String, wanted: String) {
        add(
            "FieldValueTypeInvalid", field,
            "Invalid value: \"\(found)\": \(field) in body must be of type \(wanted): \"\(found)\"")
    }

    mutating func wrongFormat(_ field: String, _ text: String, _ format: String) {
        let value = JSONValue.string(text)
        add(
            "FieldValueTypeInvalid", field,
            "Invalid value: \(value): \(field) in body must be of type \(format): \(value)")
    }

    /// kube-apiserver names no field here but in the text.
    mutating func combination(_ field: String, _ detail: String) {
        add("FieldValueInvalid", "<nil>", "Invalid value: \"\": \(JSONValue.string(field)) \(detail)")
    }

    mutating func notSupported(_ field: String, _ value: JSONValue, _ supported: [JSONValue]) {
        let list = supported.map { JSONValue.string($0.stringValue ?? "\($0)").description }.joined(separator: ", ")
        add("FieldValueNotSupported", field, "Unsupported value: \(value): supported values: \(list)")
    }

    mutating func duplicate(_ field: String, _ value: JSONValue) {
        add("FieldValueDuplicate", field, "Duplicate value: \(value)")
    }

    mutating func tooMany(_ field: String, _ count: Int, limit: Int) {
        add("FieldValueTooMany", field, "Too many: \(count): must have at most \(limit) item\(limit == 1 ? "" : "s")")
    }
}
