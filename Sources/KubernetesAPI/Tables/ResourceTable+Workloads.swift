import JSON
import Resources

extension ResourceTable {
    /// - Parameter ofFleet: at a hub, where `spec.replicas` is for each device: Ready is out of the pods of all of them.
    static func deployments(ofFleet: Bool) -> ResourceTable {
        ResourceTable(
            columns: [
                .name,
                Column("Ready", "Number of the pods with ready state."),
                Column("Up-to-date", "Pods that have the latest template.", type: "integer", format: "int32"),
                Column("Available", "Pods that have been ready for minReadySeconds.", type: "integer", format: "int32"),
                .age,
                Column("Containers", "Names of each container in the template.", wide: true),
                Column("Images", "Images referenced by each container in the template.", wide: true),
                Column("Selector", "Label selector for pods.", wide: true),
            ]
        ) { resource, now in
            [
                .string(resource.name),
                .string(
                    "\(resource.statusCount("readyReplicas"))/\(ofFleet ? resource.fleetReplicas : resource.replicas)"),
                .integer(Int64(resource.statusCount("updatedReplicas"))),
                .integer(Int64(resource.statusCount("availableReplicas"))), resource.age(now),
            ] + resource.templateCells
        }
    }

    static let replicaSets = ResourceTable(
        columns: [
            .name,
            Column("Desired", "Desired number of pods.", type: "integer"),
            Column("Current", "Number of pods that exist.", type: "integer"),
            Column("Ready", "Number of ready pods.", type: "integer"),
            .age,
            Column("Containers", "Names of each container in the template.", wide: true),
            Column("Images", "Images referenced by each container in the template.", wide: true),
            Column("Selector", "Label selector for pods.", wide: true),
        ]
    ) { resource, now in
        [
            .string(resource.name), .integer(Int64(resource.replicas)),
            .integer(Int64(resource.statusCount("replicas"))),
            .integer(Int64(resource.statusCount("readyReplicas"))), resource.age(now),
        ] + resource.templateCells
    }
}

extension Resource {
    fileprivate var replicas: Int { spec("replicas")?.intValue ?? 1 }
    /// What all matching devices together shall have, from the hub's sums.
    fileprivate var fleetReplicas: Int { statusCount("availableReplicas") + statusCount("unavailableReplicas") }

    fileprivate var templateCells: [JSONValue] {
        let containers = value[path: "spec", "template", "spec", "containers"]?.arrayValue ?? []
        let names = containers.compactMap { $0["name"]?.stringValue }
        let images = containers.compactMap { $0["image"]?.stringValue }
        return [
            .string(names.joined(separator: ",")), .string(images.joined(separator: ",")), .string(selectorText),
        ]
    }

    private var selectorText: String {
        guard let selector = try? spec("selector")?.decode(as: LabelSelector.self),
            let query = try? LabelSelectorQuery(selector)
        else { return "<none>" }
        return "\(query)".orNone
    }
}
