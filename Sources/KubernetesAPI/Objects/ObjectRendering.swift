import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Resources

/// Puts objects into the form a client asked for.
struct ObjectRendering: Sendable {
    let shape: ResponseShape
    /// What the request's path names.
    let form: ServedForm
    let tables: TableCatalog
    /// Whether table rows carry the whole object, its metadata, or nothing: the query parameter `includeObject`.
    let rowObjects: RowObjects
    var now: Int64

    enum RowObjects: String, Sendable {
        case none = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    init(shape: ResponseShape, form: ServedForm, query: QueryParameters, tables: TableCatalog, now: Int64)
        throws(StatusError)
    {
        self.shape = shape
        self.form = form
        self.tables = tables
        self.now = now
        guard let text = query.text("includeObject") else {
            rowObjects = .metadata
            return
        }
        guard let rowObjects = RowObjects(rawValue: text) else {
            throw .badRequest(
                "invalid value for includeObject: \"\(text)\": supported values: \"None\", \"Metadata\", \"Object\"")
        }
        self.rowObjects = rowObjects
    }

    /// The same with ages as of another moment (Unix seconds).
    func at(_ now: Int64) -> ObjectRendering {
        var copy = self
        copy.now = now
        return copy
    }

    func value(_ resource: Resource) -> JSONValue {
        switch shape {
        case .objects:
            return form.served(resource).value
        case .table(let version):
            return table([resource], version: version, resourceVersion: resource.resourceVersion)
        case .partialMetadata(let version):
            return partial(resource, version)
        }
    }

    func list(_ items: [Resource], resourceVersion: String) -> JSONValue {
        let metadata: JSONValue = ["resourceVersion": .string(resourceVersion)]
        switch shape {
        case .objects:
            return [
                "apiVersion": .string(form.type.apiVersion), "kind": .string(form.type.listKind), "metadata": metadata,
                "items": .array(items.map { form.served($0).value }),
            ]
        case .table(let version):
            return table(items, version: version, resourceVersion: resourceVersion)
        case .partialMetadata(let version):
            return [
                "apiVersion": .string("meta.k8s.io/\(version)"), "kind": "PartialObjectMetadataList",
                "metadata": metadata, "items": .array(items.map { partial($0, version) }),
            ]
        }
    }

    /// - Parameter header: false leaves out the columns, as in all but the first event of a watch.
    func table(
        _ items: [Resource], version: String, resourceVersion: String, header: Bool = true
    ) -> JSONValue {
        let table = ResourceTable(custom: form) ?? tables[form.stored]
        return [
            "apiVersion": .string("meta.k8s.io/\(version)"), "kind": "Table",
            "metadata": ["resourceVersion": .string(resourceVersion)],
            "columnDefinitions": header ? .array(table.columns.map(\.value)) : .null,
            "rows": .array(items.map { row($0, table, version) }),
        ]
    }

    private func row(_ resource: Resource, _ table: ResourceTable, _ version: String) -> JSONValue {
        var row: JSONValue = ["cells": .array(table.cells(resource, now))]
        switch rowObjects {
        case .none: break
        case .metadata: row["object"] = partial(resource, version)
        case .object: row["object"] = form.served(resource).value
        }
        if let conditions = table.conditions(resource) { row["conditions"] = conditions }
        return row
    }

    private func partial(_ resource: Resource, _ version: String) -> JSONValue {
        [
            "apiVersion": .string("meta.k8s.io/\(version)"), "kind": "PartialObjectMetadata",
            "metadata": form.served(resource).value["metadata"] ?? [:],
        ]
    }
}
