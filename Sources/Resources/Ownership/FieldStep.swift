import JSON

/// One step of a path in a ``FieldSet``.
enum FieldStep {
    static func field(_ name: String) -> String { "f:\(name)" }
    static func value(_ value: JSONValue) -> String { "v:\(value)" }

    /// The member's name; nil for elements of lists.
    static func name(_ step: String) -> String? { step.hasPrefix("f:") ? String(step.dropFirst(2)) : nil }

    /// The step to an element of a list, or why it has none.
    static func element(
        _ element: JSONValue, of list: any OwnershipSchema
    ) -> Result<String, Fault> {
        guard case .elements(let keys) = list.division else {
            switch element {
            case .object: return .failure("associative list without keys has an element that's a map type")
            case .array: return .failure("not supported: associative list with lists as elements")
            case .null: return .failure("associative list without keys has an element that's an explicit null")
            default: return .success(value(element))
            }
        }
        guard !element.isNull else { return .failure("associative list with keys may not have a null element") }
        guard case .object(let members) = element else {
            return .failure("associative list with keys may not have non-map elements")
        }
        var name: [String: JSONValue] = [:]
        for key in keys {
            guard let value = members[key] ?? list.keyDefault(key) else {
                return .failure(
                    Fault(
                        "associative list with keys has an element that omits key field \(JSONValue.string(key)) "
                            + "(and doesn't have default value)"))
            }
            name[key] = value
        }
        return .success("k:\(JSONValue.object(name))")
    }

    /// Why an element cannot be told from others.
    struct Fault: Error, ExpressibleByStringLiteral {
        let message: String
        init(_ message: String) { self.message = message }
        init(stringLiteral message: String) { self.message = message }
    }

    /// As messages have it: `.spec`, `[name="web"]`, `[="x"]`.
    static func text(_ step: String) -> String {
        if let name = name(step) { return ".\(name)" }
        let text = step.dropFirst(2)
        guard step.hasPrefix("k:") else { return step.hasPrefix("v:") ? "[=\(text)]" : "[\(text)]" }
        let keys = (try? JSONValue(parsing: Array(text.utf8)))?.objectValue ?? [:]
        return "[\(keys.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ","))]"
    }
}
