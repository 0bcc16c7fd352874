import JSON

@testable import Resources

/// Learns the shape of a `Decodable` struct by running its decoder against a document that has everything, to hold it
/// against the declared shape. The structs must not contain themselves.
struct SchemaRecorder {
    /// The shape of `type`, and a value of it so that the decoder that asked can go on.
    static func record<T: Decodable>(_ type: T.Type) -> (node: SchemaNode, value: () throws -> T) {
        if let known = type as? any RecordedValue.Type {
            return (known.schemaNode, { try dummy(known.schemaDummy, as: type) })
        }
        let decoder = RecordingDecoder(name: String(describing: type))
        let result = Result { try T(from: decoder) }
        return (.object(ObjectSchema(name: decoder.fields.name, fields: decoder.fields.list)), result.get)
    }

    private static func dummy<T>(_ value: any Decodable, as type: T.Type) throws -> T {
        guard let value = value as? T else {
            throw DecodingError.typeMismatch(type, .init(codingPath: [], debugDescription: "no value to record with"))
        }
        return value
    }
}

/// A type whose shape is known without looking into its decoder.
private protocol RecordedValue: Decodable {
    static var schemaNode: SchemaNode { get }
    static var schemaDummy: Self { get }
}

extension Bool: RecordedValue {
    static var schemaNode: SchemaNode { .boolean }
    static var schemaDummy: Bool { false }
}

extension String: RecordedValue {
    static var schemaNode: SchemaNode { .string }
    static var schemaDummy: String { "" }
}

extension Int: RecordedValue {
    static var schemaNode: SchemaNode { .integer(.bits32) }
    static var schemaDummy: Int { 0 }
}

extension Double: RecordedValue {
    static var schemaNode: SchemaNode { .number }
    static var schemaDummy: Double { 0 }
}

extension JSONValue: RecordedValue {
    static var schemaNode: SchemaNode { .any }
    static var schemaDummy: JSONValue { .null }
}

extension IntOrString: RecordedValue {
    static var schemaNode: SchemaNode { .intOrString }
    static var schemaDummy: IntOrString { .int(0) }
}

extension Quantity: RecordedValue {
    static var schemaNode: SchemaNode { .quantity }
    static var schemaDummy: Quantity { Quantity(0) }
}

extension Timestamp: RecordedValue {
    static var schemaNode: SchemaNode { .time }
    static var schemaDummy: Timestamp { Timestamp(seconds: 0) }
}

extension Array: RecordedValue where Element: Decodable {
    static var schemaNode: SchemaNode { .array(SchemaRecorder.record(Element.self).node) }
    static var schemaDummy: [Element] { [] }
}

extension Dictionary: RecordedValue where Key == String, Value: Decodable {
    static var schemaNode: SchemaNode { .map(SchemaRecorder.record(Value.self).node) }
    static var schemaDummy: [String: Value] { [:] }
}

private struct RecordingDecoder: Decoder {
    final class Fields {
        let name: String
        var list: [ObjectSchema.Field] = []
        init(name: String) { self.name = name }

        func add(_ field: String, _ node: SchemaNode, required: Bool) {
            list.append(
                ObjectSchema.Field(
                    name: field, node: node, required: required, merge: nil))
        }
    }

    let fields: Fields
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(name: String) { fields = Fields(name: name) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RecordingContainer<Key>(fields: fields))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Self.unsupported }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw Self.unsupported }

    static var unsupported: DecodingError {
        .dataCorrupted(.init(codingPath: [], debugDescription: "only structs with named fields can be recorded"))
    }
}

private struct RecordingContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let fields: RecordingDecoder.Fields

    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }
    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { false }

    private func required<T: Decodable>(_ type: T.Type, _ key: Key) throws -> T {
        let recorded = SchemaRecorder.record(type)
        fields.add(key.stringValue, recorded.node, required: true)
        return try recorded.value()
    }

    private func optional<T: Decodable>(_ type: T.Type, _ key: Key) -> T? {
        fields.add(key.stringValue, SchemaRecorder.record(type).node, required: false)
        return nil
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try required(type, key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try required(type, key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try required(type, key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try required(type, key) }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try required(type, key) }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) -> Bool? { optional(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) -> String? { optional(type, key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) -> Double? { optional(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) -> Int? { optional(type, key) }
    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) -> T? { optional(type, key) }

    // Widths that no Kubernetes struct here uses.
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { throw RecordingDecoder.unsupported }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { throw RecordingDecoder.unsupported }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { throw RecordingDecoder.unsupported }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { throw RecordingDecoder.unsupported }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { throw RecordingDecoder.unsupported }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { throw RecordingDecoder.unsupported }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { throw RecordingDecoder.unsupported }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { throw RecordingDecoder.unsupported }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { throw RecordingDecoder.unsupported }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { throw RecordingDecoder.unsupported }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        throw RecordingDecoder.unsupported
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw RecordingDecoder.unsupported
    }

    func superDecoder() throws -> any Decoder { throw RecordingDecoder.unsupported }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw RecordingDecoder.unsupported }
}
