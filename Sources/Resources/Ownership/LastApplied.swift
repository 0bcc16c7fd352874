import JSON

/// The annotation in which `kubectl apply` keeps what it applied, for those who change over to server-side apply.
extension Resource {
    /// The fields that `kubectl apply` stated and that still are as it stated them: no conflict for `kubectl` itself. nil without
    /// the annotation.
    var lastAppliedFields: FieldSet? {
        guard let text = annotations[WherryLabels.lastApplied], !text.isEmpty,
            let stated = try? JSONValue(parsing: Array(text.utf8)),
            stated["apiVersion"]?.stringValue == type.apiVersion
        else { return nil }
        let schema = type.ownership
        let difference = FieldComparison.of(stated, value, schema)
        return FieldCollector.fields(of: stated, schema)
            .subtracting(difference.written.union(difference.removed))
    }
}

extension JSONValue {
    private static let annotationBytes = 256 << 10

    /// Keeps the annotation in step with what `kubectl` applies by the server, when it is there.
    mutating func renewLastApplied(_ stated: JSONValue) {
        let present = self[path: "metadata", "annotations", WherryLabels.lastApplied]?.stringValue ?? ""
        guard !present.isEmpty else { return }
        var stated = stated
        stated["metadata"]?["annotations"]?[WherryLabels.lastApplied] = nil
        self[path: "metadata", "annotations", WherryLabels.lastApplied] = .string("\(stated)\n")
        let size = (self[path: "metadata", "annotations"]?.objectValue ?? [:])
            .reduce(0) { $0 + $1.key.utf8.count + ($1.value.stringValue?.utf8.count ?? 0) }
        if size > Self.annotationBytes { self[path: "metadata", "annotations", WherryLabels.lastApplied] = nil }
    }
}
