internal import FleetProtocol
import Resources
import SQLite

extension ResourceKey {
    /// Definitions and namespaces first, then what pods need, then workloads.
    var order: Int {
        switch type {
        case .customResourceDefinition: -1
        case .namespace: 0
        case .configMap, .secret, .serviceAccount: 1
        default: 2
        }
    }

    /// The primary key of `link_object`.
    var columns: [DatabaseValue] {
        [.text(type.apiVersion), .text(type.kind), .text(namespace ?? ""), .text(name)]
    }

    /// How the protocol names the object.
    var reference: FleetProtocol.ObjectReference {
        FleetProtocol.ObjectReference(
            apiVersion: type.apiVersion, kind: type.kind, namespace: namespace, name: name)
    }
}
