import JSON

/// The shape of a value in a typed document.
indirect enum SchemaNode: Sendable {
    /// Carried as it is.
    case any
    case string
    /// Base64 in JSON.
    case bytes
    case integer(IntegerWidth)
    case number
    case boolean
    case intOrString
    case quantity
    case time
    /// A time with microseconds.
    case microTime
    case array(SchemaNode)
    case map(SchemaNode)
    case object(ObjectSchema)

    var object: ObjectSchema? {
        if case .object(let schema) = self { schema } else { nil }
    }

    /// How Go names the type: it stands in messages that Kubernetes users know.
    var goName: String {
        switch self {
        case .any: "interface {}"
        case .string: "string"
        case .bytes: "[]uint8"
        case .integer(let width): width == .bits64 ? "int64" : "int32"
        case .number: "float64"
        case .boolean: "bool"
        case .intOrString: "intstr.IntOrString"
        case .quantity: "resource.Quantity"
        case .time: "v1.Time"
        case .microTime: "v1.MicroTime"
        case .array(let element): "[]\(element.goName)"
        case .map(let value): "map[string]\(value.goName)"
        case .object(let schema): "v1.\(schema.name)"
        }
    }

    /// What Go leaves in a field that is absent.
    var zero: StructureZero {
        switch self {
        case .any, .intOrString, .integer, .number: .number
        case .string, .bytes, .quantity, .time, .microTime: .string
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
        /// In protobuf; nil where the field stands in another message.
        var number: Int?
        /// Whether its empty value is not the same as none.
        var tellsUnset = false
        /// How its value divides among owners, where its type alone does not say.
        var ownership: OwnershipRule?
        /// What stands for it in the key of a list's element that leaves it out.
        var keyDefault: JSONValue?

        var withoutNumber: Field {
            var field = self
            field.number = nil
            return field
        }
    }

    /// Name of the struct, which is the Kubernetes type name.
    let name: String
    let fields: [Field]
    /// `apps.v1`: tells structs of one name apart.
    let package: String
    /// Messages by number whose fields stand among this struct's own in JSON.
    let inlined: [Int: ObjectSchema]
    /// Whether values are owned as a whole: Kubernetes' `structType=atomic`.
    let isAtomic: Bool
    private let index: [String: Int]

    init(
        name: String, fields: [Field], package: String = "", inlined: [Int: ObjectSchema] = [:], isAtomic: Bool = false
    ) {
        self.name = name
        self.fields = fields
        self.package = package
        self.inlined = inlined
        self.isAtomic = isAtomic
        index = Dictionary(fields.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    subscript(name: String) -> Field? { index[name].map { fields[$0] } }
}

enum IntegerWidth: Sendable {
    case bits32
    case bits64

    var range: ClosedRange<Int64> {
        switch self {
        case .bits32: Int64(Int32.min)...Int64(Int32.max)
        case .bits64: Int64.min...Int64.max
        }
    }
}
