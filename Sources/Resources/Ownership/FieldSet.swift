public import JSON

/// A set of places in a document: the `FieldsV1` form of `managedFields`.
///
/// A step is `f:NAME` for a member, `k:{…}` for an element with keys and `v:…` for a value of a set, as they are written.
public struct FieldSet: Equatable, Sendable {
    /// Whether the place itself is in the set, apart from what is below it.
    var isMember = false
    var children: [String: FieldSet] = [:]

    public var isEmpty: Bool { !isMember && children.isEmpty }

    public init() {}

    /// The set with these paths.
    init(_ paths: [String]...) {
        for path in paths { insert(path[...]) }
    }

    // MARK: FieldsV1

    public init(fieldsV1 value: JSONValue) {
        for (step, child) in value.objectValue ?? [:] {
            if step == "." {
                isMember = true
            } else {
                var set = FieldSet(fieldsV1: child)
                if set.children.isEmpty { set.isMember = true }
                children[step] = set
            }
        }
    }

    public var fieldsV1: JSONValue {
        var value = children.mapValues(\.fieldsV1)
        if isMember, !children.isEmpty { value["."] = [:] }
        return .object(value)
    }

    // MARK: Algebra

    private mutating func insert(_ path: ArraySlice<String>) {
        guard let first = path.first else {
            isMember = true
            return
        }
        children[first, default: FieldSet()].insert(path.dropFirst())
    }

    func contains(_ path: [String]) -> Bool {
        path.reduce(self as FieldSet?) { $0?.children[$1] }?.isMember ?? false
    }

    func union(_ other: FieldSet) -> FieldSet {
        var result = self
        result.isMember = isMember || other.isMember
        result.children.merge(other.children) { $0.union($1) }
        return result
    }

    func intersection(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.isMember = isMember && other.isMember
        for (step, child) in children {
            guard let theirs = other.children[step] else { continue }
            result[step] = child.intersection(theirs)
        }
        return result
    }

    /// Without the places of `other`; what is below them stays.
    func subtracting(_ other: FieldSet) -> FieldSet {
        var result = FieldSet()
        result.isMember = isMember && !other.isMember
        for (step, child) in children {
            result[step] = other.children[step].map { child.subtracting($0) } ?? child
        }
        return result
    }

    /// Only what is at a place and below, or nothing of that.
    func restricted(to path: [String], inverted: Bool = false) -> FieldSet {
        guard let first = path.first else { return inverted ? FieldSet() : self }
        let child = children[first] ?? FieldSet()
        var result = inverted ? self : FieldSet()
        result[first] = child.restricted(to: Array(path.dropFirst()), inverted: inverted)
        return result
    }

    /// With each field of the type on the way to a place; keys of maps and elements of lists are not added.
    func withDeclaredParents(_ schema: any OwnershipSchema) -> FieldSet {
        var result = self
        for (step, child) in children {
            let member = FieldStep.name(step).flatMap { schema.member($0) }
            var child = child.withDeclaredParents(
                member?.schema ?? (FieldStep.name(step) == nil ? schema.element : UnknownOwnership()))
            if member?.isDeclared == true { child.isMember = true }
            result.children[step] = child
        }
        return result
    }

    /// A child; an empty one is removed.
    subscript(step: String) -> FieldSet {
        get { children[step] ?? FieldSet() }
        set { children[step] = newValue.isEmpty ? nil : newValue }
    }

    /// Paths as messages have them: those of a level, sorted, before those below.
    var paths: [String] {
        let steps = children.sorted { $0.key < $1.key }
        return steps.filter(\.value.isMember).map { FieldStep.text($0.key) }
            + steps.flatMap { step, child in child.paths.map { FieldStep.text(step) + $0 } }
    }
}
