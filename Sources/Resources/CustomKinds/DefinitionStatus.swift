public import JSON

/// The status of a CustomResourceDefinition: whether its names are free, and whether its kind is served.
///
/// It is settled in the transaction that writes the definition: who reads the definition back may use its kind.
public enum DefinitionStatus {
    public static let cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io"

    public static func isEstablished(_ definition: JSONValue) -> Bool {
        condition("Established", of: definition)?.text("status") == "True"
    }

    /// Whether it has all the names that it asks for.
    public static func hasItsNames(_ definition: JSONValue) -> Bool {
        condition("NamesAccepted", of: definition)?.text("status") == "True"
    }

    /// Sets accepted names, stored versions and conditions.
    ///
    /// - Parameter others: the other definitions, whose accepted names are taken.
    public static func settle(_ definition: inout JSONValue, among others: [JSONValue], now: String) {
        let group = definition.text("spec", "group")
        var taken = TakenNames()
        for type in ResourceType.all where type.group == group { taken.add(type) }
        for other in others where other.text("spec", "group") == group {
            taken.add(other[path: "status", "acceptedNames"] ?? [:])
        }
        let names = definition[path: "spec", "names"] ?? [:]
        let (accepted, conflict) = taken.accept(names, before: definition[path: "status", "acceptedNames"] ?? [:])
        definition[path: "status", "acceptedNames"] = accepted
        if let conflict {
            setCondition("NamesAccepted", "False", conflict.reason, conflict.message, &definition, now)
            if !isEstablished(definition) {
                setCondition("Established", "False", "NotAccepted", "not all names are accepted", &definition, now)
            }
        } else {
            setCondition("NamesAccepted", "True", "NoConflicts", "no conflicts found", &definition, now)
            if !isEstablished(definition) {
                setCondition(
                    "Established", "True", "InitialNamesAccepted", "the initial names have been accepted", &definition,
                    now)
            }
        }
        let stored = definition.list("spec", "versions").first { $0["storage"] == true }?.text("name") ?? ""
        var versions = definition.list("status", "storedVersions")
        if !stored.isEmpty, !versions.contains(.string(stored)) { versions.append(.string(stored)) }
        definition[path: "status", "storedVersions"] = .array(versions)
    }

    /// Marks a definition that is being deleted: its objects go first.
    public static func terminate(_ definition: inout JSONValue, now: String) {
        setCondition(
            "Terminating", "True", "InstanceDeletionPending",
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", &definition, now)
    }

    /// Says how far the deletion of objects is.
    public static func noteCleanup(_ definition: inout JSONValue, left: Int, now: String) {
        if left > 0 {
            setCondition(
                "Terminating", "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress",
                &definition, now)
        } else {
            setCondition(
                "Terminating", "False", "InstanceDeletionCompleted", "removed all instances", &definition, now)
        }
    }

    static func condition(_ type: String, of definition: JSONValue) -> JSONValue? {
        definition.list("status", "conditions").first { $0.text("type") == type }
    }

    private static func setCondition(
        _ type: String, _ status: String, _ reason: String, _ message: String, _ definition: inout JSONValue,
        _ now: String
    ) {
        var conditions = definition.list("status", "conditions")
        let old = conditions.first { $0.text("type") == type }
        let since = old?.text("status") == status ? old?.text("lastTransitionTime") ?? now : now
        let new: JSONValue = [
            "type": .string(type), "status": .string(status), "lastTransitionTime": .string(since),
            "reason": .string(reason), "message": .string(message),
        ]
        if let index = conditions.firstIndex(where: { $0.text("type") == type }) {
            conditions[index] = new
        } else {
            conditions.append(new)
        }
        definition[path: "status", "conditions"] = .array(conditions)
    }
}

/// The names of a group that somebody has.
private struct TakenNames {
    /// Plural, singular and short names are one space; kinds and list kinds another.
    private var resources: Set<String> = []
    private var kinds: Set<String> = []

    mutating func add(_ type: ResourceType) {
        resources.formUnion([type.plural, type.singular] + type.shortNames)
        kinds.formUnion([type.kind, type.listKind])
    }

    mutating func add(_ names: JSONValue) {
        resources.formUnion(
            [names.text("plural"), names.text("singular")] + names.list("shortNames").compactMap(\.stringValue))
        kinds.formUnion([names.text("kind"), names.text("listKind")])
    }

    /// The names that are free, beside those that were accepted before, and what is said of the others: the last one counts.
    func accept(
        _ names: JSONValue, before: JSONValue
    ) -> (accepted: JSONValue, conflict: (reason: String, message: String)?) {
        var accepted = before
        accepted["categories"] = names["categories"]
        for field in ["plural", "kind"] where accepted[field] == nil { accepted[field] = "" }
        var conflict: (reason: String, message: String)?
        func settle(_ field: String, _ taken: Set<String>, _ reason: String) {
            let wanted = names.list(field).compactMap(\.stringValue) + [names.text(field)].filter { !$0.isEmpty }
            let faults = wanted.filter(taken.contains).map { "\(JSONValue.string($0)) is already in use" }
            if faults.isEmpty {
                accepted[field] = names[field]
            } else {
                conflict = (reason, faults.joined(separator: ", "))
            }
        }
        settle("plural", resources, "PluralConflict")
        settle("singular", resources, "SingularConflict")
        settle("shortNames", resources, "ShortNamesConflict")
        settle("kind", kinds, "KindConflict")
        settle("listKind", kinds, "ListKindConflict")
        return (accepted, conflict)
    }
}
