import JSON
import Resources

/// Server-side apply: a manager states the fields it wants, and owns exactly those.
///
/// Ownership is tracked among appliers. Other writes (update, patch, controllers) do not enter `managedFields` and so
/// never conflict: an applied value wins over theirs.
struct ServerSideApply {
    static let mediaType = "application/apply-patch+yaml"

    let manager: String
    let force: Bool
    /// RFC 3339.
    let time: String

    /// The new document: what is there, with the applied fields set and those removed that this manager stated before
    /// and states no longer.
    ///
    /// - Parameter live: nil when the object does not exist.
    /// - Throws: 409 with one cause per field that another applier owns with another value.
    func merge(_ applied: JSONValue, into live: Resource?, key: ResourceKey) throws(StatusError) -> JSONValue {
        guard applied[path: "metadata", "managedFields"]?.arrayValue?.isEmpty != false else {
            throw .badRequest("metadata.managedFields must be nil")
        }
        var stated = applied
        stated["metadata"]?["managedFields"] = nil
        let owned = Self.ownedFields(stated)
        var managers = Managers(live?.value[path: "metadata", "managedFields"])
        let previous = managers[manager]
        try resolve(owned, stated, live, &managers, key)
        managers[manager] = nil
        var result = live.map { Self.merged(stated, over: $0.value, field: "") } ?? stated
        if let previous {
            let others = managers.allLeaves
            for path in previous.leaves.subtracting(owned.leaves).subtracting(others) {
                Self.remove(path, from: &result)
            }
        }
        if live?.value[path: "metadata", "managedFields"] == nil || previous != owned {
            managers.set(owned, for: manager, apiVersion: key.type.apiVersion, time: time)
        } else {
            managers.keep(manager, owned)
        }
        result[path: "metadata", "managedFields"] = managers.value
        return result
    }

    private func resolve(
        _ owned: FieldSet, _ stated: JSONValue, _ live: Resource?, _ managers: inout Managers, _ key: ResourceKey
    ) throws(StatusError) {
        guard let live else { return }
        var causes: [StatusError.Cause] = []
        for other in managers.names where other != manager {
            guard let theirs = managers[other] else { continue }
            for path in owned.leaves.intersection(theirs.leaves).sorted(by: { $0.lexicographicallyPrecedes($1) })
            where Self.value(at: path, in: stated) != Self.value(at: path, in: live.value) {
                if force {
                    managers.remove(path, from: other)
                } else {
                    causes.append(
                        StatusError.Cause(
                            reason: "FieldManagerConflict",
                            message: "conflict with \"\(other)\" using \(key.type.apiVersion)",
                            field: Self.text(of: path)))
                }
            }
        }
        guard !causes.isEmpty else { return }
        let lines = causes.map { "\($0.message): \($0.field)" }
        throw StatusError(
            code: 409, reason: .conflict,
            message: "Apply failed with \(causes.count) conflict\(causes.count == 1 ? "" : "s"): "
                + lines.joined(separator: "\n"),
            details: StatusError.Details(causes: causes))
    }

    /// Identity is stated by everybody and owned by nobody.
    private static func ownedFields(_ stated: JSONValue) -> FieldSet {
        var value = stated
        value["apiVersion"] = nil
        value["kind"] = nil
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation"] {
            value["metadata"]?[field] = nil
        }
        if value["metadata"]?.objectValue?.isEmpty == true { value["metadata"] = nil }
        return FieldSet(of: value)
    }

    private static func merged(_ new: JSONValue, over old: JSONValue, field: String) -> JSONValue {
        switch (new, old) {
        case (.object(let newMembers), .object(let oldMembers)):
            return .object(
                oldMembers.merging(
                    newMembers.map { name, value in
                        (name, oldMembers[name].map { merged(value, over: $0, field: name) } ?? value)
                    }
                ) { _, new in new })
        case (.array(let newElements), .array(let oldElements)):
            guard let keys = ListKeys.of(field) else { return new }
            var rest = Dictionary(newElements.map { (ListKeys.name(of: $0, keys), $0) }) { _, last in last }
            var result = oldElements.map { element in
                rest.removeValue(forKey: ListKeys.name(of: element, keys)).map { merged($0, over: element, field: "") }
                    ?? element
            }
            for element in newElements {
                if let added = rest.removeValue(forKey: ListKeys.name(of: element, keys)) { result.append(added) }
            }
            return .array(result)
        default:
            return new
        }
    }

    // MARK: Paths

    private static func value(at path: [String], in value: JSONValue, field: String = "") -> JSONValue? {
        guard let first = path.first else { return value }
        let rest = Array(path.dropFirst())
        if first.hasPrefix("f:") {
            let name = String(first.dropFirst(2))
            return value[name].flatMap { Self.value(at: rest, in: $0, field: name) }
        }
        guard let keys = ListKeys.of(field) else { return nil }
        return value.arrayValue?.first { ListKeys.name(of: $0, keys) == first }
            .flatMap { Self.value(at: rest, in: $0) }
    }

    private static func remove(_ path: [String], from value: inout JSONValue, field: String = "") {
        guard let first = path.first else { return }
        let rest = Array(path.dropFirst())
        if first.hasPrefix("f:") {
            let name = String(first.dropFirst(2))
            if rest.isEmpty {
                value[name] = nil
            } else if var child = value[name] {
                remove(rest, from: &child, field: name)
                value[name] = child
            }
        } else if let keys = ListKeys.of(field), var elements = value.arrayValue,
            let index = elements.firstIndex(where: { ListKeys.name(of: $0, keys) == first })
        {
            // An element goes with the key that names it.
            if rest.isEmpty || (rest.count == 1 && keys.contains { rest[0] == "f:\($0)" }) {
                elements.remove(at: index)
            } else {
                remove(rest, from: &elements[index])
            }
            value = .array(elements)
        }
    }

    /// As `.spec.containers[name="web"].image`.
    private static func text(of path: [String]) -> String {
        path.map { key in
            guard !key.hasPrefix("f:") else { return ".\(key.dropFirst(2))" }
            let keys = (try? JSONValue(parsing: Array(key.utf8.dropFirst(2))))?.objectValue ?? [:]
            let pairs = keys.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return "[\(pairs.joined(separator: ","))]"
        }.joined()
    }
}

/// The `Apply` entries of `managedFields`; entries of other operations are carried along.
struct Managers {
    private var entries: [JSONValue]

    init(_ managedFields: JSONValue?) {
        entries = managedFields?.arrayValue ?? []
    }

    var names: [String] { entries.filter(Self.isApply).compactMap { $0["manager"]?.stringValue } }

    var value: JSONValue? { entries.isEmpty ? nil : .array(entries) }

    var allLeaves: Set<[String]> {
        names.reduce(into: []) { $0.formUnion(self[$1]?.leaves ?? []) }
    }

    /// Setting nil hides the entry's fields from ``allLeaves`` until ``set(_:for:apiVersion:time:)``.
    subscript(name: String) -> FieldSet? {
        get { index(name).flatMap { entries[$0]["fieldsV1"] }.map(FieldSet.init(fieldsV1:)) }
        set { if let index = index(name) { entries[index]["fieldsV1"] = newValue?.fieldsV1 } }
    }

    mutating func set(_ fields: FieldSet, for name: String, apiVersion: String, time: String) {
        let entry: JSONValue = [
            "manager": .string(name), "operation": "Apply", "apiVersion": .string(apiVersion), "time": .string(time),
            "fieldsType": "FieldsV1", "fieldsV1": fields.fieldsV1,
        ]
        if let index = index(name) { entries[index] = entry } else { entries.append(entry) }
    }

    /// Puts unchanged fields back, with their old time.
    mutating func keep(_ name: String, _ fields: FieldSet) { self[name] = fields }

    mutating func remove(_ path: [String], from name: String) {
        guard let index = index(name), var fields = self[name] else { return }
        fields.remove(path)
        if fields.isLeaf { entries.remove(at: index) } else { self[name] = fields }
    }

    private func index(_ name: String) -> Int? {
        entries.firstIndex { Self.isApply($0) && $0["manager"]?.stringValue == name }
    }

    private static func isApply(_ entry: JSONValue) -> Bool {
        entry["operation"]?.stringValue == "Apply" && entry["subresource"] == nil
    }
}
