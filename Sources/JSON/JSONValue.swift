/// A JSON document or any part of one.
///
/// Integers that fit stay exact in ``integer(_:)``; every other number is a ``number(_:)``. The two never compare
/// equal, so `1` and `1.0` are different values, as they are different texts.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONValue {
    /// The string, or nil when this is something else.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The integer, also from a number without fraction such as `3.0`; nil when it does not fit.
    public var intValue: Int? {
        switch self {
        case .integer(let value): Int(exactly: value)
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    /// The boolean, or nil when this is something else.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The number as a double, from an integer as well.
    public var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The elements, or nil when this is no array.
    public var arrayValue: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The members, or nil when this is no object.
    public var objectValue: [String: JSONValue]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// Whether this is `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// What a message calls this value: `object`, `array`, `string`, `number`, `bool` or `null`.
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// A member of an object. Reading from anything else gives nil; writing makes an object; writing nil removes.
    public subscript(key: String) -> JSONValue? {
        get {
            if case .object(let members) = self { members[key] } else { nil }
        }
        set {
            var members: [String: JSONValue] = [:]
            if case .object(let present) = self {
                members = present
            } else if newValue == nil {
                return
            }
            self = .null  // drop our reference first, so that the dictionary is changed in place
            members[key] = newValue
            self = .object(members)
        }
    }

    /// An element of an array; nil when out of bounds or when this is no array.
    public subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// A member of nested objects. Writing a value creates the objects on the way; writing nil creates none.
    public subscript(path keys: String...) -> JSONValue? {
        get { keys.reduce(Optional(self)) { $0?[$1] } }
        set { set(newValue, at: keys[...]) }
    }

    private mutating func set(_ value: JSONValue?, at keys: ArraySlice<String>) {
        guard let first = keys.first else {
            if let value { self = value }
            return
        }
        if keys.count == 1 {
            self[first] = value
            return
        }
        guard value != nil || self[first] != nil else { return }
        var child = self[first] ?? .object([:])
        self[first] = .null
        child.set(value, at: keys.dropFirst())
        self[first] = child
    }
}

extension JSONValue {
    /// Whether there are at most so many arrays and objects within each other.
    public func nests(within levels: Int) -> Bool {
        switch self {
        case .array(let elements): levels > 0 && elements.allSatisfy { $0.nests(within: levels - 1) }
        case .object(let members): levels > 0 && members.values.allSatisfy { $0.nests(within: levels - 1) }
        default: true
        }
    }
}

extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// The last one of equal keys wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }
}

extension JSONValue: CustomStringConvertible {
    /// The compact JSON text.
    public var description: String { String(decoding: serialized(), as: UTF8.self) }
}
