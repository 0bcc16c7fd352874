/// What `kubectl explain` prints: one line per struct and field, in a text for each area.
///
/// `*.NAME` is about a field of that name in every struct that has no line of its own. A test holds the lines against the shapes.
enum SchemaDescriptions {
    /// Of a struct.
    static subscript(name: String) -> String? { table[name] }

    /// Of a field.
    static subscript(structure: String, field: String) -> String? {
        table["\(structure).\(field)"] ?? table["*.\(field)"]
    }

    static let table: [String: String] = {
        var table: [String: String] = [:]
        for area in areas {
            for line in area.split(separator: "\n") {
                guard let bar = line.firstRange(of: " | ") else { continue }
                table[String(line[..<bar.lowerBound])] = String(line[bar.upperBound...])
            }
        }
        return table
    }()

    private static let areas = [
        common, nodes, configuration, workloads, podStatus, volumes, pods, controllers, jobs, autoscaling, networking,
        storage, policies, access, customKinds,
    ]
}
