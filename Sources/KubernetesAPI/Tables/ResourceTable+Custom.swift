import JSON
import Resources

extension ResourceTable {
    /// As a definition has it; nil for built-in types.
    init?(custom form: ServedForm) {
        guard let version = form.type.customVersion else { return nil }
        self.init(columns: [.name] + version.columns.map(Column.init(custom:))) { resource, now in
            let served = form.served(resource)
            return [.string(resource.name)] + version.columns.map { $0.cell(served, now: now) }
        }
    }
}

extension ResourceTable.Column {
    fileprivate init(custom column: CustomColumn) {
        name = column.name
        type = column.type
        format = column.format
        description =
            column.description.isEmpty
            ? "Custom resource definition column (in JSONPath format): \(column.path)" : column.description
        priority = Int64(column.priority)
    }
}
