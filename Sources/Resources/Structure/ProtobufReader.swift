public import JSON

/// Reads Kubernetes' protobuf bodies by the shapes that the declarations state: kubectl sends them from 1.32 on.
///
/// A body is `k8s\0` and an envelope (`runtime.Unknown`) with the type and the message. Unknown fields are passed over, as
/// protobuf has it; whatever is no message at all is an error, and so is nesting past ``depth``.
public struct ProtobufReader {
    public static let mediaType = "application/vnd.kubernetes.protobuf"
    static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]
    private static let depth = 32

    /// The document in a body.
    ///
    /// - Throws: bad request for what cannot be read, and for kinds that are not known.
    public static func document(_ body: [UInt8]) throws(StatusError) -> JSONValue {
        guard body.starts(with: magic) else {
            throw .badRequest("the body does not begin as Kubernetes' protobuf does (k8s\\0)")
        }
        let envelope = try fields(body[4...])
        var apiVersion = ""
        var kind = ""
        for field in try fields(envelope.last { $0.number == 1 }?.bytes ?? []) {
            if field.number == 1 { apiVersion = try field.text() }
            if field.number == 2 { kind = try field.text() }
        }
        let shape: ObjectSchema?
        if kind == "DeleteOptions" {
            shape = ShapeLibrary.shared.shape(kind, in: "meta.v1")
        } else {
            let type =
                ResourceType.served(apiVersion: apiVersion, kind: kind)
                ?? RequestKind.of(apiVersion: apiVersion, kind: kind)?.type
            shape = type.flatMap { ShapeLibrary.shared.shape(kind, in: $0.package) }
        }
        guard let shape else {
            throw .badRequest("no kind \"\(kind)\" is registered for version \"\(apiVersion)\"")
        }
        var members = try message(envelope.last { $0.number == 2 }?.bytes ?? [], shape, depth: 0)
        members["apiVersion"] = .string(apiVersion)
        members["kind"] = .string(kind)
        return .object(members)
    }

    // MARK: Messages

    private static func message(
        _ bytes: ArraySlice<UInt8>, _ shape: ObjectSchema, depth: Int
    ) throws(StatusError) -> [String: JSONValue] {
        guard depth < Self.depth else { throw malformed("it is nested too deeply") }
        var members: [String: JSONValue] = [:]
        // Apart, so that each is added to in place: a body may repeat a field a million times.
        var lists: [String: [JSONValue]] = [:]
        var maps: [String: [String: JSONValue]] = [:]
        for field in try fields(bytes) {
            if let part = shape.inlined[field.number] {
                members.merge(try message(field.bytes, part, depth: depth + 1)) { $1 }
                continue
            }
            guard let known = shape.fields.first(where: { $0.number == field.number }) else { continue }
            switch known.node {
            case .array(let element):
                lists[known.name, default: []] += try elements(field, element, depth: depth + 1)
            case .map(let node):
                let (key, value) = try entry(field.bytes, node, depth: depth + 1)
                maps[known.name, default: [:]][key] = value
            default:
                let value = try self.value(field, known.node, depth: depth + 1)
                members[known.name] = isEmpty(value) && !known.tellsUnset && !known.required ? nil : value
            }
        }
        for (name, list) in lists { members[name] = .array(list) }
        for (name, map) in maps { members[name] = .object(map) }
        return members
    }

    private static func isEmpty(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool(false), .integer(0), .string(""), .object([:]): true
        case .number(let number): number == 0
        default: false
        }
    }

    private static func elements(
        _ field: WireField, _ node: SchemaNode, depth: Int
    ) throws(StatusError) -> [JSONValue] {
        guard case .integer = node, field.kind == .bytes else { return [try value(field, node, depth: depth)] }
        var reader = WireReader(field.bytes)
        var packed: [JSONValue] = []
        while !reader.isAtEnd { packed.append(.integer(Int64(bitPattern: try reader.varint()))) }
        return packed
    }

    private static func entry(
        _ bytes: ArraySlice<UInt8>, _ node: SchemaNode, depth: Int
    ) throws(StatusError) -> (String, JSONValue) {
        var key = ""
        var value: JSONValue = .null
        for field in try fields(bytes) {
            if field.number == 1 { key = try field.text() }
            if field.number == 2 { value = try self.value(field, node, depth: depth) }
        }
        if value.isNull {
            switch node {
            case .object, .map: value = [:]
            case .array: value = []
            case .integer, .number: value = 0
            case .boolean: value = false
            default: value = ""
            }
        }
        return (key, value)
    }

    private static func value(_ field: WireField, _ node: SchemaNode, depth: Int) throws(StatusError) -> JSONValue {
        switch node {
        case .string: return .string(try field.text())
        case .bytes: return .string(Base64.encode(field.bytes))
        case .integer: return .integer(Int64(bitPattern: field.number64))
        case .boolean: return .bool(field.number64 != 0)
        case .number: return .number(Double(bitPattern: field.number64))
        case .quantity: return .string(try fields(field.bytes).last { $0.number == 1 }?.text() ?? "0")
        case .intOrString: return try intOrString(field.bytes)
        case .time: return try time(field.bytes, fraction: false)
        case .microTime: return try time(field.bytes, fraction: true)
        case .any: return try raw(field.bytes)
        case .object(let shape): return .object(try message(field.bytes, shape, depth: depth))
        case .array(let element): return .array(try elements(field, element, depth: depth))
        case .map(let element):
            let (key, value) = try entry(field.bytes, element, depth: depth)
            return [key: value]
        }
    }

    private static func intOrString(_ bytes: ArraySlice<UInt8>) throws(StatusError) -> JSONValue {
        var (isText, number, text): (Bool, Int64, String) = (false, 0, "")
        for field in try fields(bytes) {
            switch field.number {
            case 1: isText = field.number64 == 1
            case 2: number = Int64(bitPattern: field.number64)
            case 3: text = try field.text()
            default: break
            }
        }
        return isText ? .string(text) : .integer(number)
    }

    /// An empty message is no time.
    private static func time(_ bytes: ArraySlice<UInt8>, fraction: Bool) throws(StatusError) -> JSONValue {
        guard !bytes.isEmpty else { return .null }
        var (seconds, nanoseconds): (Int64, Int64) = (0, 0)
        for field in try fields(bytes) {
            if field.number == 1 { seconds = Int64(bitPattern: field.number64) }
            if field.number == 2 { nanoseconds = Int64(bitPattern: field.number64) }
        }
        guard (-62_135_596_800...253_402_300_799).contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else {
            throw malformed("a time is out of range")
        }
        let whole = Timestamp(seconds: seconds).description
        guard fraction else { return .string(whole) }
        let micro = String(1_000_000 + nanoseconds / 1000).dropFirst()
        return .string("\(whole.dropLast()).\(micro)Z")
    }

    /// A document in a document: JSON bytes in field 1.
    private static func raw(_ bytes: ArraySlice<UInt8>) throws(StatusError) -> JSONValue {
        guard let text = try fields(bytes).last(where: { $0.number == 1 })?.bytes, !text.isEmpty else { return .null }
        do { return try JSONValue(parsing: Array(text)) } catch {
            throw malformed("a document inside it is no JSON: \(error)")
        }
    }

    private static func fields(_ bytes: ArraySlice<UInt8>) throws(StatusError) -> [WireField] {
        var reader = WireReader(bytes)
        var fields: [WireField] = []
        while let field = try reader.next() { fields.append(field) }
        return fields
    }

    static func malformed(_ why: String) -> StatusError { .badRequest("the protobuf body cannot be read: \(why)") }
}

/// One field as it stands on the wire.
private struct WireField {
    enum Kind { case number, bytes }

    let number: Int
    let kind: Kind
    var number64: UInt64 = 0
    var bytes: ArraySlice<UInt8> = []

    func text() throws(StatusError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ProtobufReader.malformed("a text is not UTF-8")
        }
        return text
    }
}

/// Goes through the fields of a message.
private struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func next() throws(StatusError) -> WireField? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard let number = Int(exactly: tag >> 3), number > 0 else {
            throw ProtobufReader.malformed("a field has the number 0")
        }
        switch tag & 7 {
        case 0: return WireField(number: number, kind: .number, number64: try varint())
        case 1: return WireField(number: number, kind: .number, number64: try fixed(8))
        case 2:
            guard let count = Int(exactly: try varint()) else {
                throw ProtobufReader.malformed("a length is too large")
            }
            return WireField(number: number, kind: .bytes, bytes: try take(count))
        case 5: return WireField(number: number, kind: .number, number64: try fixed(4))
        default: throw ProtobufReader.malformed("wire type \(tag & 7) is not used")
        }
    }

    mutating func varint() throws(StatusError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw ProtobufReader.malformed("it ends within a number") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw ProtobufReader.malformed("a number is too long")
    }

    private mutating func fixed(_ count: Int) throws(StatusError) -> UInt64 {
        try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private mutating func take(_ count: Int) throws(StatusError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw ProtobufReader.malformed("it ends within a field") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}
