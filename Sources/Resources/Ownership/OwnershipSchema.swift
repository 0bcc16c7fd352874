public import JSON

/// How the value at a place of a document divides among owners.
public enum Division: Sendable, Hashable {
    /// What a scalar must be.
    public enum Scalar: Sendable { case string, number, boolean, any }

    case scalar(Scalar)
    /// One owner for everything below: atomic maps and lists.
    case whole
    /// Each member has owners of its own.
    case members
    /// Each element of a list has, and these members name it.
    case elements(keys: [String])
    /// Each value of a list has: a set.
    case values
    /// Nothing is known of the type: maps by member, everything else as a whole.
    case byValue
}

/// What the owners of fields need to know of a type: one node of its shape.
///
/// Whoever describes types in another form (a custom resource's schema) conforms, and ``FieldWriter`` works with it.
public protocol OwnershipSchema: Sendable {
    var division: Division { get }
    /// What a member is; nil when the type has none of this name.
    func member(_ name: String) -> OwnershipMember?
    /// The elements of a list.
    var element: any OwnershipSchema { get }
    /// What stands in the key of an element that leaves this member out.
    func keyDefault(_ key: String) -> JSONValue?
    /// Members that are there although a document need not write them, as structs and required fields of a Go type.
    var implied: [String: JSONValue] { get }
}

/// A member of a map or struct.
public struct OwnershipMember: Sendable {
    public let schema: any OwnershipSchema
    /// Whether it is a field of the type, and not a key of a map.
    public let isDeclared: Bool

    public init(_ schema: any OwnershipSchema, isDeclared: Bool) {
        self.schema = schema
        self.isDeclared = isDeclared
    }
}

extension OwnershipSchema {
    public func keyDefault(_ key: String) -> JSONValue? { nil }
    public var implied: [String: JSONValue] { [:] }

    /// The division of a value here; ``Division/byValue`` is resolved.
    func division(of values: JSONValue?...) -> Division {
        guard division == .byValue else { return division }
        let present = values.compactMap { $0 }.filter { !$0.isNull }
        guard !present.isEmpty, present.allSatisfy({ $0.objectValue != nil }) else {
            return present.contains { $0.arrayValue != nil || $0.objectValue != nil } ? .whole : .scalar(.any)
        }
        return .members
    }

    /// A value with what is implied, here and below. Two values of a type can only be compared in this form.
    func complete(_ value: JSONValue) -> JSONValue {
        switch (division(of: value), value) {
        case (.members, .object(var members)):
            for (name, implied) in implied where members[name]?.isNull ?? true { members[name] = implied }
            for (name, child) in members {
                if let member = member(name) { members[name] = member.schema.complete(child) }
            }
            return .object(members)
        case (.elements, .array(let elements)):
            let element = element
            return .array(elements.map(element.complete))
        default:
            return value
        }
    }
}

/// A place of which nothing is known.
struct UnknownOwnership: OwnershipSchema {
    var division: Division { .byValue }
    var element: any OwnershipSchema { self }
    func member(_ name: String) -> OwnershipMember? { OwnershipMember(self, isDeclared: false) }
}
