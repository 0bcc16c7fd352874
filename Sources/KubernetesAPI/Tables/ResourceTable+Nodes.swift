import JSON
import Resources

extension ResourceTable {
    /// - Parameter showsLastContact: for a fleet: how long ago the device was heard of, and `Unknown` instead of
    ///   `NotReady` for one that is silent.
    static func nodes(showsLastContact: Bool) -> ResourceTable {
        var columns: [Column] = [
            .name,
            Column("Status", "The status of the node."),
            Column("Roles", "The roles of the node."),
        ]
        if showsLastContact { columns.append(Column("Last-Contact", "Time since the device was last heard of.")) }
        columns += [
            .age,
            Column("Version", "Version of the agent that the node reports."),
            Column("Internal-IP", "Addresses of the node inside its network.", wide: true),
            Column("External-IP", "Addresses of the node outside.", wide: true),
            Column("OS-Image", "Operating system that the node reports.", wide: true),
            Column("Kernel-Version", "Kernel that the node reports.", wide: true),
            Column("Container-Runtime", "Container runtime that the node reports.", wide: true),
        ]
        return ResourceTable(columns: columns) { node, now in
            var cells: [JSONValue] = [
                .string(node.name), .string(node.nodeStatus(distinguishesUnknown: showsLastContact)),
                .string(node.roles),
            ]
            if showsLastContact {
                cells.append(
                    .string(HumanDuration.since(node.condition("Ready")?["lastHeartbeatTime"]?.stringValue, now: now)))
            }
            return cells + [
                node.age(now), .string(node.info("kubeletVersion")), .string(node.address("InternalIP")),
                .string(node.address("ExternalIP")), .string(node.info("osImage").orUnknown),
                .string(node.info("kernelVersion").orUnknown), .string(node.info("containerRuntimeVersion").orUnknown),
            ]
        }
    }
}

extension String {
    fileprivate var orUnknown: String { isEmpty ? "<unknown>" : self }
}

extension Resource {
    fileprivate func nodeStatus(distinguishesUnknown: Bool) -> String {
        var words: [String] = []
        switch condition("Ready")?["status"]?.stringValue {
        case nil: words.append("Unknown")
        case "True": words.append("Ready")
        case "Unknown" where distinguishesUnknown: words.append("Unknown")
        default: words.append("NotReady")
        }
        if spec("unschedulable")?.boolValue == true { words.append("SchedulingDisabled") }
        return words.joined(separator: ",")
    }

    fileprivate var roles: String {
        let prefix = "node-role.kubernetes.io/"
        var roles: Set<String> = []
        for (label, value) in labels {
            if label.hasPrefix(prefix), label.utf8.count > prefix.utf8.count {
                roles.insert(String(label.dropFirst(prefix.count)))
            } else if label == "kubernetes.io/role", !value.isEmpty {
                roles.insert(value)
            }
        }
        return roles.sorted().joined(separator: ",").orNone
    }

    fileprivate func info(_ field: String) -> String {
        value[path: "status", "nodeInfo", field]?.stringValue ?? ""
    }

    fileprivate func address(_ type: String) -> String {
        let address = status("addresses")?.arrayValue?.first { $0["type"]?.stringValue == type }
        return (address?["address"]?.stringValue ?? "").orNone
    }
}
