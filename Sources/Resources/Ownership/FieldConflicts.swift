/// Fields that an apply would take from their owners.
struct FieldConflicts {
    private var owners: [(owner: ManagedFields.Owner, fields: FieldSet)]
    /// What messages say instead of the owner's version.
    private let apiVersion: String?

    init(owners: [ManagedFields.Owner: FieldSet], apiVersion: String? = nil) {
        self.apiVersion = apiVersion
        self.owners = owners.filter { !$0.value.isEmpty }.map { ($0.key, $0.value) }
            .sorted {
                let (a, b) = ($0.owner, $1.owner)
                return (a.name, a.operation.rawValue, a.apiVersion, a.subresource)
                    < (b.name, b.operation.rawValue, b.apiVersion, b.subresource)
            }
    }

    var isEmpty: Bool { owners.isEmpty }

    /// Without those on some fields.
    func excluding(_ fields: FieldSet?) -> FieldConflicts {
        guard let fields else { return self }
        var result = self
        result.owners = owners.map { ($0.owner, $0.fields.subtracting(fields)) }.filter { !$0.fields.isEmpty }
        return result
    }

    /// 409 with a cause for each field, in kube-apiserver's words.
    var error: StatusError {
        let items = owners.map { (name: name(of: $0.owner), paths: $0.fields.paths) }
        let causes = items.flatMap { item in
            item.paths.map {
                StatusError.Cause(reason: "FieldManagerConflict", message: "conflict with \(item.name)", field: $0)
            }
        }
        let text =
            causes.count == 1
            ? "1 conflict: \(causes[0].message): \(causes[0].field)"
            : "\(causes.count) conflicts: "
                + items.flatMap { ["conflicts with \($0.name):"] + $0.paths.map { "- \($0)" } }.joined(separator: "\n")
        return StatusError(
            code: 409, reason: .conflict, message: "Apply failed with \(text)",
            details: StatusError.Details(causes: causes))
    }

    private func name(of owner: ManagedFields.Owner) -> String {
        var text = "\"\(owner.name)\""
        if !owner.subresource.isEmpty { text += " with subresource \"\(owner.subresource)\"" }
        if owner.operation == .update { text += " using \(apiVersion ?? owner.apiVersion)" }
        return text
    }
}
