import JSON
import Resources

/// How objects of one type are printed as rows.
struct ResourceTable: Sendable {
    struct Column: Sendable {
        let name: String
        let type: String
        let format: String
        let description: String
        /// 1 for columns that only `-o wide` shows.
        let priority: Int64

        init(_ name: String, _ description: String, type: String = "string", format: String = "", wide: Bool = false) {
            self.name = name
            self.type = type
            self.format = format
            self.description = description
            priority = wide ? 1 : 0
        }

        static let name = Column(
            "Name", "Name must be unique within a namespace. It names the object in requests.", format: "name")
        static let age = Column("Age", "Time since the object was created.")

        var value: JSONValue {
            [
                "name": .string(name), "type": .string(type), "format": .string(format),
                "description": .string(description), "priority": .integer(priority),
            ]
        }
    }

    let columns: [Column]
    /// One cell per column; `now` in Unix seconds.
    let cells: @Sendable (_ resource: Resource, _ now: Int64) -> [JSONValue]
    /// Row conditions, by which clients dim finished objects.
    var conditions: @Sendable (Resource) -> JSONValue? = { _ in nil }
}

/// The tables of all types.
struct TableCatalog: Sendable {
    private let tables: [ResourceType: ResourceTable]

    /// - Parameter isHub: whether the objects are a fleet's.
    init(isHub: Bool) {
        tables = [
            .pod: .pods, .deployment: .deployments(ofFleet: isHub), .replicaSet: .replicaSets,
            .namespace: .namespaces,
            .configMap: .configMaps, .secret: .secrets, .event: .events,
            .node: .nodes(showsLastContact: isHub),
        ]
    }

    /// Types without a table of their own show what their declaration says.
    subscript(type: ResourceType) -> ResourceTable {
        tables[type] ?? Kind.of(type).map { ResourceTable(columns: $0.columns) } ?? .plain
    }
}

extension ResourceTable {
    /// As a declaration has it.
    fileprivate init(columns declared: [Kind.Column]) {
        self.init(
            columns: declared.map { column in
                let format = column.name == "Name" ? "name" : column.type == "integer" ? "int32" : ""
                return Column(column.name, "", type: column.type, format: format, wide: column.isWide)
            }
        ) { resource, now in declared.map { $0.cell(resource, now) } }
    }

    static let plain = ResourceTable(columns: [.name, .age]) { [.string($0.name), $0.age($1)] }
}

extension Resource {
    func age(_ now: Int64) -> JSONValue { .string(HumanDuration.since(creationTimestamp, now: now)) }

    func status(_ field: String) -> JSONValue? { value[path: "status", field] }
    func spec(_ field: String) -> JSONValue? { value[path: "spec", field] }
    func statusCount(_ field: String) -> Int { status(field)?.intValue ?? 0 }

    func condition(_ type: String) -> JSONValue? {
        status("conditions")?.arrayValue?.first { $0["type"]?.stringValue == type }
    }
}

extension String {
    /// What kubectl shows for nothing.
    var orNone: String { isEmpty ? "<none>" : self }
}
