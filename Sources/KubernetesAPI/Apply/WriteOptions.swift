import HTTPTypes
import Hummingbird
import Linux
import Resources

/// Which options object a write's query stands for; messages name it.
enum WriteOptions: String {
    case create = "CreateOptions"
    case update = "UpdateOptions"
    case patch = "PatchOptions"
    /// A server-side apply, whose writer must say who it is.
    case apply

    private static let nameBytes = 128

    /// Who writes: `fieldManager`, or what stands before the first `/` of the user agent.
    ///
    /// - Throws: 422 for a name that is too long or not printable, and for an apply without one.
    func writer(
        _ request: Request, _ query: QueryParameters, _ part: Subresource = .none, now: Int64
    ) throws(StatusError) -> FieldWriter {
        let name = query.text("fieldManager") ?? ""
        var causes: [StatusError.Cause] = []
        func add(_ reason: String, _ message: String, _ field: String = "fieldManager") {
            causes.append(StatusError.Cause(reason: reason, message: message, field: field))
        }
        switch self {
        case .apply where name.isEmpty: add("FieldValueRequired", "Required value: is required for apply patch")
        case .patch where query["force"] != nil:
            add("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
        default: break
        }
        if name.utf8.count > Self.nameBytes {
            add("FieldValueTooLong", "Too long: may not be more than \(Self.nameBytes) bytes")
            // Each character of it could be another fault.
            throw refusal(causes)
        }
        var position = 0
        for scalar in name.unicodeScalars {
            if !Self.isPrintable(scalar) {
                let digits = String(scalar.value, radix: 16, uppercase: true)
                let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
                add(
                    "FieldValueInvalid",
                    "Invalid value: \"\(Self.quoted(name))\": invalid character U+\(padded) (at position \(position))")
            }
            position += UTF8.width(scalar)
        }
        guard causes.isEmpty else { throw refusal(causes) }
        return FieldWriter(
            name: name.isEmpty ? Self.name(ofAgent: request.headers[.userAgent] ?? "") : name, subresource: part,
            time: RFC3339.format(seconds: now))
    }

    private func refusal(_ causes: [StatusError.Cause]) -> StatusError {
        let kind = self == .apply ? Self.patch.rawValue : rawValue
        let texts = causes.map { "\($0.field): \($0.message)" }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        return StatusError(
            code: 422, reason: .invalid, message: "\(kind).meta.k8s.io \"\" is invalid: \(list)",
            details: StatusError.Details(group: "meta.k8s.io", kind: kind, causes: causes))
    }

    private static func name(ofAgent agent: String) -> String {
        var name = ""
        for scalar in agent.unicodeScalars.prefix(while: { $0 != "/" }) where isPrintable(scalar) {
            guard name.utf8.count + UTF8.width(scalar) <= nameBytes else { break }
            name.unicodeScalars.append(scalar)
        }
        return name
    }

    private static func quoted(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\t": "\\t"
            case "\n": "\\n"
            case "\r": "\\r"
            case "\"", "\\": "\\\(scalar)"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }.joined()
    }

    /// As Go's `unicode.IsPrint`.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}
