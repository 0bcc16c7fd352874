/// The shape of a value in a typed document.
indirect enum SchemaNode: Sendable {
    /// Carried as it is.
    case any
    case string
    case integer
    case number
    case boolean
    case intOrString
    case quantity
    case time
    case array(SchemaNode)
    case map(SchemaNode)
    case object(ObjectSchema)

    var object: ObjectSchema? {
        if case .object(let schema) = self { schema } else { nil }
    }

    /// How Go names the type: it stands in messages that Kubernetes users know.
    func goName(field: String) -> String {
        switch self {
        case .any: "interface {}"
        case .string: "string"
        case .integer: IntegerWidth.is64Bit(field) ? "int64" : "int32"
        case .number: "float64"
        case .boolean: "bool"
        case .intOrString: "intstr.IntOrString"
        case .quantity: "resource.Quantity"
        case .time: "v1.Time"
        case .array(let element): "[]\(element.goName(field: field))"
        case .map(let value): "map[string]\(value.goName(field: field))"
        case .object(let schema): "v1.\(schema.name)"
        }
    }

    /// What Go leaves in a field that is absent.
    var zero: StructureZero {
        switch self {
        case .any, .intOrString, .integer, .number: .number
        case .string, .quantity, .time: .string
        case .boolean: .boolean
        case .array: .array
        case .map, .object: .object
        }
    }
}

/// The kinds of empty values.
enum StructureZero: Sendable { case number, string, boolean, array, object }

/// The fields of a struct.
final class ObjectSchema: Sendable {
    struct Field: Sendable {
        let name: String
        let node: SchemaNode
        let required: Bool
        let merge: MergeStrategy?
    }

    /// Name of the struct, which is the Kubernetes type name.
    let name: String
    let fields: [Field]
    private let index: [String: Int]

    init(name: String, fields: [Field]) {
        self.name = name
        self.fields = fields
        index = Dictionary(fields.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    subscript(name: String) -> Field? { index[name].map { fields[$0] } }
}

/// Kubernetes has integers of 32 and of 64 bits; both are `Int` here, so the range is checked by name.
enum IntegerWidth {
    private static let wide: Set<String> = [
        "generation", "observedGeneration", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "runAsUser",
        "runAsGroup", "fsGroup", "supplementalGroups", "deletionGracePeriodSeconds", "seconds", "tolerationSeconds",
        "sizeBytes",
    ]

    static func is64Bit(_ field: String) -> Bool { wide.contains(field) }

    static func range(_ field: String) -> ClosedRange<Int64> {
        is64Bit(field) ? Int64.min...Int64.max : Int64(Int32.min)...Int64(Int32.max)
    }
}
