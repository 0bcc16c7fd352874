import JSON

/// Finds all fields that a document states, and what of it does not fit its type.
struct FieldCollector {
    /// In the words of kube-apiserver, each with its path.
    private(set) var faults: [String] = []
    /// No client reads more.
    private static let mostFaults = 50
    /// Where it is, in steps: a path is put together for a fault only.
    private var place: [String] = []

    /// The fields of a document that fits its type.
    static func fields(of value: JSONValue, _ schema: any OwnershipSchema) -> FieldSet {
        var collector = FieldCollector()
        return collector.collect(value, schema)
    }

    mutating func collect(_ value: JSONValue, _ schema: any OwnershipSchema) -> FieldSet {
        var set = FieldSet()
        switch schema.division(of: value) {
        case .scalar(let scalar):
            if let fault = Self.fault(value, scalar) { note(fault) }
            set.isMember = true
        case .members:
            if let members = members(value) { collect(members, schema, &set) }
        case .elements, .values:
            if let elements = elements(value) { collect(elements, schema, &set) }
        case .whole, .byValue:
            check(value, schema)
            set.isMember = true
        }
        return set
    }

    private mutating func collect(
        _ members: [String: JSONValue], _ schema: any OwnershipSchema, _ set: inout FieldSet
    ) {
        for (name, child) in members.sorted(by: { $0.key < $1.key }) {
            place.append(".\(name)")
            defer { place.removeLast() }
            guard let member = schema.member(name) else {
                note("field not declared in schema")
                continue
            }
            var fields = collect(child, member.schema)
            if child.isNull || child.objectValue?.isEmpty == true || !member.isDeclared { fields.isMember = true }
            set[FieldStep.field(name)] = fields
        }
    }

    private mutating func collect(
        _ elements: [JSONValue], _ schema: any OwnershipSchema, _ set: inout FieldSet
    ) {
        let element = schema.element
        for (index, value) in elements.enumerated() {
            switch FieldStep.element(value, of: schema) {
            case .failure(let fault):
                note("element \(index): \(fault.message)")
            case .success(let step):
                if set.children[step] != nil { note("duplicate entries for key \(FieldStep.text(step))") }
                place.append(FieldStep.text(step))
                var fields = collect(value, element)
                place.removeLast()
                fields.isMember = true
                set[step] = fields
            }
        }
    }

    /// Looks for faults inside of what has one owner.
    private mutating func check(_ value: JSONValue, _ schema: any OwnershipSchema) {
        switch value {
        case .object(let members):
            for (name, child) in members.sorted(by: { $0.key < $1.key }) {
                place.append(".\(name)")
                defer { place.removeLast() }
                if let member = schema.member(name) {
                    _ = collect(child, member.schema)
                } else if schema is ShapeOwnership, case .object? = (schema as? ShapeOwnership)?.node {
                    note("field not declared in schema")
                }
            }
        case .array(let elements):
            let element = schema.element
            for (index, child) in elements.enumerated() where !child.isNull {
                place.append("[\(index)]")
                _ = collect(child, element)
                place.removeLast()
            }
        default: break
        }
    }

    private mutating func note(_ fault: @autoclosure () -> String) {
        guard faults.count < Self.mostFaults else { return }
        let (path, fault) = (place.joined(), fault())
        faults.append(path.isEmpty ? fault : "\(path): \(fault)")
    }

    private mutating func members(_ value: JSONValue) -> [String: JSONValue]? {
        if let members = value.objectValue { return members }
        if !value.isNull { note("expected map, got &{\(Self.goText(value))}") }
        return nil
    }

    private mutating func elements(_ value: JSONValue) -> [JSONValue]? {
        if let elements = value.arrayValue { return elements }
        if !value.isNull { note("expected list, got &{\(Self.goText(value))}") }
        return nil
    }

    private static func fault(_ value: JSONValue, _ scalar: Division.Scalar) -> String? {
        switch (scalar, value) {
        case (_, .null), (.string, .string), (.number, .integer), (.number, .number), (.boolean, .bool),
            (.any, .string), (.any, .integer), (.any, .number), (.any, .bool):
            nil
        case (.string, _): "expected string, got &value.valueUnstructured{Value:\(goText(value))}"
        case (.number, _): "expected numeric (int or float), got \(goType(value))"
        case (.boolean, _): "expected boolean, got &{\(goText(value))}"
        case (.any, _): "expected any scalar, got &{\(goText(value))}"
        }
    }

    private static func goType(_ value: JSONValue) -> String {
        switch value {
        case .null: "<nil>"
        case .bool: "bool"
        case .integer: "int64"
        case .number: "float64"
        case .string: "string"
        case .array: "[]interface {}"
        case .object: "map[string]interface {}"
        }
    }

    /// As Go prints a value.
    private static func goText(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let elements): "[\(elements.map(goText).joined(separator: " "))]"
        case .object(let members):
            "map[\(members.sorted { $0.key < $1.key }.map { "\($0.key):\(goText($0.value))" }.joined(separator: " "))]"
        default: value.description
        }
    }
}
