import ResourceStore
import Resources

/// The query of a request, with the readings that several verbs share.
struct QueryParameters: Sendable {
    private let values: [String: String]

    init(_ query: String?) {
        var values: [String: String] = [:]
        for pair in (query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = PercentCoding.decode(parts[0], plusIsSpace: true)
            // The first one counts, as in Go.
            if values[key] == nil {
                values[key] = parts.count > 1 ? PercentCoding.decode(parts[1], plusIsSpace: true) : ""
            }
        }
        self.values = values
    }

    subscript(name: String) -> String? { values[name] }

    /// nil when absent or empty.
    func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// Go's `strconv.ParseBool`; a name without a value counts as true.
    func flag(_ name: String) throws(StatusError) -> Bool {
        guard let value = values[name] else { return false }
        switch value {
        case "", "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        default: throw .badRequest("invalid value for \(name): \"\(value)\" is neither true nor false")
        }
    }

    func integer(_ name: String) throws(StatusError) -> Int? {
        guard let value = text(name) else { return nil }
        guard let number = Int(value) else {
            throw .badRequest("invalid value for \(name): \"\(value)\" is not a whole number")
        }
        return number
    }

    /// True for `dryRun=All`.
    func dryRun() throws(StatusError) -> Bool {
        guard let value = text("dryRun") else { return false }
        guard value == "All" else {
            throw .badRequest("invalid value for dryRun: \"\(value)\": supported values: \"All\"")
        }
        return true
    }

    /// As kube-apiserver: `Warn` unless the client says otherwise.
    func fieldValidation() throws(StatusError) -> FieldValidation {
        guard let value = text("fieldValidation") else { return .warn }
        guard let validation = FieldValidation(rawValue: value) else {
            throw .badRequest(
                "invalid value for fieldValidation: \"\(value)\": supported values: \"Ignore\", \"Warn\", \"Strict\"")
        }
        return validation
    }

    func selection(of form: ServedForm, name: String? = nil) throws(StatusError) -> Selection {
        let labels: LabelSelectorQuery?
        let fields: FieldSelectorQuery?
        if let text = text("labelSelector") { labels = try LabelSelectorQuery(text) } else { labels = nil }
        var texts = text("fieldSelector").map { [$0] } ?? []
        if let name { texts.append("metadata.name=\(name)") }
        if texts.isEmpty {
            fields = nil
        } else {
            fields = try form.selector(FieldSelectorQuery(texts.joined(separator: ",")))
        }
        return Selection(labels: labels, fields: fields)
    }
}

/// Which objects of a collection are meant.
struct Selection: Sendable {
    var labels: LabelSelectorQuery?
    var fields: FieldSelectorQuery?

    func matches(_ resource: Resource) -> Bool {
        (labels?.matches(resource) ?? true) && (fields?.matches(resource) ?? true)
    }
}
