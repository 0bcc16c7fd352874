extension JSONValue {
    /// Encodes a value. Optional properties that are nil are omitted.
    ///
    /// - Throws: ``JSONError`` `.invalidValue` for infinities, NaN and integers past `Int64`.
    public init(encoding value: some Encodable) throws(JSONError) {
        do {
            self = try JSONValueEncoder.encode(value, path: .root)
        } catch let error as JSONError {
            throw error
        } catch let error as EncodingError {
            guard case .invalidValue(_, let context) = error else {
                throw JSONError(code: .invalidValue, message: "\(error)")
            }
            throw JSONError(
                code: .invalidValue, message: context.debugDescription, path: JSONPath.text(of: context.codingPath))
        } catch {
            throw JSONError(code: .invalidValue, message: "\(error)")
        }
    }
}

/// A place in the document that is being built. Shared by the containers that write to it; used on one thread only.
final class EncodingNode {
    private var value: JSONValue?
    private var members: [String: JSONValue]?
    private var elements: [JSONValue]?
    /// Containers still open: their content is taken when the document is complete.
    private var openMembers: [String: EncodingNode] = [:]
    private var openElements: [Int: EncodingNode] = [:]

    func set(_ value: JSONValue) { self.value = value }
    func becomeObject() { if members == nil { members = [:] } }
    func becomeArray() { if elements == nil { elements = [] } }
    func set(_ value: JSONValue, forKey key: String) { members?[key] = value }
    func append(_ value: JSONValue) { elements?.append(value) }
    var count: Int { elements?.count ?? 0 }

    func child(forKey key: String) -> EncodingNode {
        let node = EncodingNode()
        openMembers[key] = node
        return node
    }

    func appendChild() -> EncodingNode {
        let node = EncodingNode()
        openElements[count] = node
        elements?.append(.null)
        return node
    }

    /// The finished value; a type that encodes nothing becomes an empty object.
    func finish() -> JSONValue {
        if let value { return value }
        if var elements {
            for (index, node) in openElements { elements[index] = node.finish() }
            return .array(elements)
        }
        var result = members ?? [:]
        for (key, node) in openMembers { result[key] = node.finish() }
        return .object(result)
    }
}

struct JSONValueEncoder: Encoder {
    let node: EncodingNode
    let path: JSONPath

    var codingPath: [any CodingKey] { path.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    static func encode<T: Encodable>(_ value: T, path: @autoclosure () -> JSONPath) throws -> JSONValue {
        if let value = value as? JSONValue { return value }
        if let value = value as? String { return .string(value) }
        let encoder = JSONValueEncoder(node: EncodingNode(), path: path())
        try value.encode(to: encoder)
        return encoder.node.finish()
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.becomeObject()
        return KeyedEncodingContainer(KeyedJSONEncoding(node: node, path: path))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.becomeArray()
        return UnkeyedJSONEncoding(node: node, path: path)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleJSONEncoding(node: node, path: path) }
}

extension JSONValue {
    fileprivate init(exactly value: some FixedWidthInteger, path: @autoclosure () -> JSONPath) throws {
        guard let integer = Int64(exactly: value) else {
            throw JSONError(code: .invalidValue, message: "the integer \(value) is too large", path: path().text)
        }
        self = .integer(integer)
    }

    fileprivate init(finite value: Double, path: @autoclosure () -> JSONPath) throws {
        guard value.isFinite else {
            throw JSONError(code: .invalidValue, message: "\(value) is no JSON number", path: path().text)
        }
        self = .number(value)
    }
}

private struct KeyedJSONEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: EncodingNode
    let path: JSONPath

    var codingPath: [any CodingKey] { path.codingPath }

    private func here(_ key: Key) -> JSONPath { .key(key.stringValue, parent: path) }

    private func put(_ value: some FixedWidthInteger, _ key: Key) throws {
        node.set(try JSONValue(exactly: value, path: here(key)), forKey: key.stringValue)
    }

    func encodeNil(forKey key: Key) { node.set(.null, forKey: key.stringValue) }
    func encode(_ value: Bool, forKey key: Key) { node.set(.bool(value), forKey: key.stringValue) }
    func encode(_ value: String, forKey key: Key) { node.set(.string(value), forKey: key.stringValue) }

    func encode(_ value: Double, forKey key: Key) throws {
        node.set(try JSONValue(finite: value, path: here(key)), forKey: key.stringValue)
    }

    func encode(_ value: Float, forKey key: Key) throws { try encode(Double(value), forKey: key) }
    func encode(_ value: Int, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: Int8, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: Int16, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: Int32, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: Int64, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: UInt, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: UInt8, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: UInt16, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: UInt32, forKey key: Key) throws { try put(value, key) }
    func encode(_ value: UInt64, forKey key: Key) throws { try put(value, key) }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        node.set(try JSONValueEncoder.encode(value, path: here(key)), forKey: key.stringValue)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        JSONValueEncoder(node: node.child(forKey: key.stringValue), path: here(key)).container(keyedBy: keyType)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        JSONValueEncoder(node: node.child(forKey: key.stringValue), path: here(key)).unkeyedContainer()
    }

    func superEncoder() -> any Encoder {
        JSONValueEncoder(node: node.child(forKey: "super"), path: .key("super", parent: path))
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        JSONValueEncoder(node: node.child(forKey: key.stringValue), path: here(key))
    }
}

private struct UnkeyedJSONEncoding: UnkeyedEncodingContainer {
    let node: EncodingNode
    let path: JSONPath

    var codingPath: [any CodingKey] { path.codingPath }
    var count: Int { node.count }

    private var here: JSONPath { .index(count, parent: path) }

    private func put(_ value: some FixedWidthInteger) throws { node.append(try JSONValue(exactly: value, path: here)) }

    func encodeNil() { node.append(.null) }
    func encode(_ value: Bool) { node.append(.bool(value)) }
    func encode(_ value: String) { node.append(.string(value)) }
    func encode(_ value: Double) throws { node.append(try JSONValue(finite: value, path: here)) }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: Int) throws { try put(value) }
    func encode(_ value: Int8) throws { try put(value) }
    func encode(_ value: Int16) throws { try put(value) }
    func encode(_ value: Int32) throws { try put(value) }
    func encode(_ value: Int64) throws { try put(value) }
    func encode(_ value: UInt) throws { try put(value) }
    func encode(_ value: UInt8) throws { try put(value) }
    func encode(_ value: UInt16) throws { try put(value) }
    func encode(_ value: UInt32) throws { try put(value) }
    func encode(_ value: UInt64) throws { try put(value) }
    func encode<T: Encodable>(_ value: T) throws { node.append(try JSONValueEncoder.encode(value, path: here)) }

    func nestedContainer<NestedKey: CodingKey>(keyedBy keyType: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        let place = here
        return JSONValueEncoder(node: node.appendChild(), path: place).container(keyedBy: keyType)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        let place = here
        return JSONValueEncoder(node: node.appendChild(), path: place).unkeyedContainer()
    }

    func superEncoder() -> any Encoder {
        let place = here
        return JSONValueEncoder(node: node.appendChild(), path: place)
    }
}

private struct SingleJSONEncoding: SingleValueEncodingContainer {
    let node: EncodingNode
    let path: JSONPath

    var codingPath: [any CodingKey] { path.codingPath }

    private func put(_ value: some FixedWidthInteger) throws { node.set(try JSONValue(exactly: value, path: path)) }

    func encodeNil() { node.set(.null) }
    func encode(_ value: Bool) { node.set(.bool(value)) }
    func encode(_ value: String) { node.set(.string(value)) }
    func encode(_ value: Double) throws { node.set(try JSONValue(finite: value, path: path)) }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: Int) throws { try put(value) }
    func encode(_ value: Int8) throws { try put(value) }
    func encode(_ value: Int16) throws { try put(value) }
    func encode(_ value: Int32) throws { try put(value) }
    func encode(_ value: Int64) throws { try put(value) }
    func encode(_ value: UInt) throws { try put(value) }
    func encode(_ value: UInt8) throws { try put(value) }
    func encode(_ value: UInt16) throws { try put(value) }
    func encode(_ value: UInt32) throws { try put(value) }
    func encode(_ value: UInt64) throws { try put(value) }
    func encode<T: Encodable>(_ value: T) throws { node.set(try JSONValueEncoder.encode(value, path: path)) }
}
