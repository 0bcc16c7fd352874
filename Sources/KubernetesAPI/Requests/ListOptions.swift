import JSON
import ResourceStore
import Resources

/// Which part of a list is meant, and in which state.
struct ListOptions {
    /// nil for everything.
    let limit: Int?
    let cursor: ListCursor?
    /// nil for the present state, which is as new as any that a client may have seen.
    let version: Int64?

    init(_ query: QueryParameters) throws(StatusError) {
        let limit = try query.integer("limit") ?? 0
        guard limit >= 0 else { throw .badRequest("limit: Invalid value: \(limit): must not be negative") }
        self.limit = limit == 0 ? nil : limit
        let asked = query.text("resourceVersion") ?? ""
        let match = query.text("resourceVersionMatch")
        if let text = query.text("continue") {
            guard asked.isEmpty || asked == "0" else {
                throw .badRequest("specifying resource version is not allowed when using continue")
            }
            cursor = try ContinueToken.cursor(text)
            version = nil
            return
        }
        cursor = nil
        guard let number = asked.isEmpty ? 0 : Int64(asked), number >= 0 else {
            throw .badRequest("Invalid value: \"\(asked)\": strconv.ParseUint: parsing \"\(asked)\": invalid syntax")
        }
        switch match {
        case nil, "NotOlderThan":
            version = nil
        case "Exact":
            guard number > 0 else {
                throw .badRequest(
                    "resourceVersionMatch: Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion "
                        + "\"\(asked)\"")
            }
            version = number
        case let other?:
            throw .badRequest(
                "resourceVersionMatch: Unsupported value: \"\(other)\": supported values: \"Exact\", \"NotOlderThan\"")
        }
    }
}

/// A cursor as clients carry it: they must not read it, and may send back anything.
enum ContinueToken {
    private static let version = "meta.k8s.io/v1"

    static func text(_ cursor: ListCursor) -> String {
        let value: JSONValue = [
            "v": .string(version), "rv": .integer(cursor.version),
            "start": .array([.string(cursor.namespace), .string(cursor.name)]),
        ]
        return Base64.encodeURL(value.serialized())
    }

    static func cursor(_ text: String) throws(StatusError) -> ListCursor {
        guard text.utf8.count <= 4096, let bytes = Base64.decodeURL(text), let value = try? JSONValue(parsing: bytes),
            value["v"]?.stringValue == version, let number = value["rv"]?.intValue, number > 0,
            let start = value["start"]?.arrayValue?.compactMap(\.stringValue), start.count == 2
        else { throw .badRequest("continue key is not valid: start the list anew") }
        return ListCursor(version: Int64(number), namespace: start[0], name: start[1])
    }
}
