import JSON

/// Which fields of a document somebody owns: the `FieldsV1` form of `managedFields`.
///
/// A key is `f:NAME` for a member and `k:{…}` for an element of a list of objects with keys. Lists without keys are
/// owned as a whole.
struct FieldSet: Equatable {
    private(set) var members: [String: FieldSet] = [:]

    var isLeaf: Bool { members.isEmpty }

    init() {}

    init(fieldsV1 value: JSONValue) {
        for (key, child) in value.objectValue ?? [:] where key != "." { members[key] = FieldSet(fieldsV1: child) }
    }

    /// All fields that a document states.
    init(of value: JSONValue, field: String = "") {
        switch value {
        case .object(let object):
            for (name, child) in object { members["f:\(name)"] = FieldSet(of: child, field: name) }
        case .array(let elements):
            guard let keys = ListKeys.of(field), elements.allSatisfy({ $0.objectValue != nil }) else { return }
            for element in elements {
                var set = FieldSet(of: element)
                for key in keys where set.members["f:\(key)"] == nil { set.members["f:\(key)"] = FieldSet() }
                members[ListKeys.name(of: element, keys)] = set
            }
        default:
            return
        }
    }

    var fieldsV1: JSONValue {
        .object(members.mapValues(\.fieldsV1))
    }

    /// Paths of the leaves.
    var leaves: Set<[String]> {
        guard !isLeaf else { return [[]] }
        var result: Set<[String]> = []
        for (key, child) in members { for path in child.leaves { result.insert([key] + path) } }
        return result
    }

    mutating func remove(_ path: some Collection<String>) {
        guard let first = path.first, var child = members[first] else { return }
        let rest = path.dropFirst()
        if rest.isEmpty {
            members[first] = nil
        } else {
            child.remove(rest)
            members[first] = child.isLeaf ? nil : child
        }
    }
}

/// The lists of objects that are merged element by element, and what names an element.
enum ListKeys {
    private static let table: [String: [String]] = [
        "containers": ["name"], "initContainers": ["name"], "ephemeralContainers": ["name"], "volumes": ["name"],
        "env": ["name"], "imagePullSecrets": ["name"], "ports": ["containerPort", "protocol"],
        "volumeMounts": ["mountPath"], "volumeDevices": ["devicePath"], "hostAliases": ["ip"], "conditions": ["type"],
        "ownerReferences": ["uid"], "addresses": ["type"],
        "topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
    ]

    static func of(_ field: String) -> [String]? { table[field] }

    static func name(of element: JSONValue, _ keys: [String]) -> String {
        var name: JSONValue = [:]
        for key in keys { name[key] = element[key] ?? (key == "protocol" ? "TCP" : "") }
        return "k:\(name)"
    }
}
