public import JSON

/// Who owns which fields of an object: `metadata.managedFields`.
public struct ManagedFields: Equatable, Sendable {
    public enum Operation: String, Sendable, Hashable {
        case apply = "Apply"
        case update = "Update"
    }

    /// Names one entry.
    public struct Owner: Hashable, Sendable {
        public var name: String
        public var operation: Operation
        /// Empty for appliers, which are the same in every version.
        public var apiVersion: String
        /// As `status`; empty for the object itself.
        public var subresource: String

        public init(_ name: String, _ operation: Operation, apiVersion: String, subresource: String = "") {
            self.name = name
            self.operation = operation
            self.apiVersion = operation == .apply ? "" : apiVersion
            self.subresource = subresource
        }
    }

    public struct Entry: Equatable, Sendable {
        public var fields: FieldSet
        public var apiVersion: String
        /// RFC 3339: when the owner last changed something.
        public var time: String?
    }

    /// More owners by update than this are folded into one.
    private static let updateLimit = 10
    private static let foldedName = "ancient-changes"

    public internal(set) var entries: [Owner: Entry] = [:]

    public var isEmpty: Bool { entries.isEmpty }
    /// All that anybody owns.
    var allFields: FieldSet { entries.values.reduce(FieldSet()) { $0.union($1.fields) } }

    public init() {}

    /// - Returns: nil when an entry is not one that a server wrote.
    public init?(_ value: JSONValue?) {
        for item in value?.arrayValue ?? [] {
            guard let operation = item["operation"]?.stringValue.flatMap(Operation.init(rawValue:)),
                let version = item["apiVersion"]?.stringValue, !version.isEmpty, item["fieldsType"] == "FieldsV1",
                item["fieldsV1"].map({ $0.objectValue != nil }) ?? true
            else { return nil }
            let owner = Owner(
                item["manager"]?.stringValue ?? "", operation, apiVersion: version,
                subresource: item["subresource"]?.stringValue ?? "")
            entries[owner] = Entry(
                fields: FieldSet(fieldsV1: item["fieldsV1"] ?? [:]), apiVersion: version,
                time: item["time"]?.stringValue)
        }
    }

    /// Whether a client asks to forget all owners: an empty list, or one empty entry.
    static func isReset(_ value: JSONValue?) -> Bool { value == [] || value == [[:]] }

    /// nil when there are none.
    public var value: JSONValue? {
        guard !entries.isEmpty else { return nil }
        let sorted = entries.sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
        return .array(sorted.map { Self.value($0.key, $0.value) })
    }

    private static func value(_ owner: Owner, _ entry: Entry) -> JSONValue {
        var value: JSONValue = [
            "manager": .string(owner.name), "operation": .string(owner.operation.rawValue),
            "apiVersion": .string(entry.apiVersion), "fieldsType": "FieldsV1", "fieldsV1": entry.fields.fieldsV1,
        ]
        if let time = entry.time { value["time"] = .string(time) }
        if !owner.subresource.isEmpty { value["subresource"] = .string(owner.subresource) }
        return value
    }

    private static func order(_ item: (key: Owner, value: Entry)) -> [String] {
        // The oldest first; a time in seconds has the same number of digits for two centuries.
        let seconds = item.value.time.flatMap { Timestamp($0) }?.seconds ?? 0
        return [
            item.key.operation.rawValue, String(seconds), item.key.name, item.value.apiVersion, item.key.subresource,
        ]
    }

    /// Takes places away from all owners but one; who has nothing left is no owner.
    mutating func take(_ fields: FieldSet, exceptFrom keeper: Owner? = nil) {
        for (owner, entry) in entries where owner != keeper {
            let rest = entry.fields.subtracting(fields)
            entries[owner]?.fields = rest
            if rest.isEmpty { entries[owner] = nil }
        }
    }

    /// Folds the oldest updaters of a version into one entry while there are too many.
    mutating func fold() {
        let updaters = entries.filter { $0.key.operation == .update }
            .sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
        var surplus = updaters.count - Self.updateLimit
        var firsts: [String: Owner] = [:]
        for (owner, entry) in updaters where surplus > 0 {
            guard let first = firsts[entry.apiVersion] else {
                firsts[entry.apiVersion] = owner
                continue
            }
            let folded = Owner(Self.foldedName, .update, apiVersion: entry.apiVersion)
            if entries[folded] == nil {
                entries[folded] = entries[first]
                entries[first] = nil
            }
            if owner != folded {
                entries[folded]?.fields.formUnion(entry.fields)
                entries[owner] = nil
            }
            entries[folded]?.time = entry.time
            surplus -= 1
        }
    }

    /// Whether nothing but times differs.
    func equalsExceptTimes(_ other: ManagedFields) -> Bool {
        entries.mapValues(\.fields) == other.entries.mapValues(\.fields)
            && entries.mapValues(\.apiVersion) == other.entries.mapValues(\.apiVersion)
    }
}

extension FieldSet {
    mutating func formUnion(_ other: FieldSet) { self = union(other) }
}

extension Resource {
    /// nil when nobody owns anything: what was not written through the API, or before there were owners.
    public var managedFields: JSONValue? {
        get { value[path: "metadata", "managedFields"] }
        set { value[path: "metadata", "managedFields"] = newValue }
    }

    /// This object with the old times of its owners when nothing else has changed, so that nothing is written.
    public func keepingTimes(of old: Resource) -> Resource {
        guard let mine = ManagedFields(managedFields), let theirs = ManagedFields(old.managedFields),
            mine.equalsExceptTimes(theirs)
        else { return self }
        var result = self
        result.managedFields = old.managedFields
        var (new, before) = (result, old)
        for field in ["resourceVersion", "generation"] {
            new.value[path: "metadata", field] = nil
            before.value[path: "metadata", field] = nil
        }
        return new == before ? result : self
    }
}
