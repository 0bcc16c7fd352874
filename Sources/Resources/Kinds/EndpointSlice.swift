import JSON

extension ResourceType {
    public static let endpointSlice = ResourceType(
        group: "discovery.k8s.io", "EndpointSlice", "endpointslices")
}

extension Kind {
    /// Some of the addresses behind a Service.
    static let endpointSlice = Kind(
        .endpointSlice,
        schema: """
            EndpointSlice
              metadata 1 ObjectMeta
              addressType 4 string!
              endpoints 2 [Endpoint]! atomic
              ports 3 [EndpointPort]! atomic
            Endpoint
              addresses 1 [string]! set
              conditions 2 EndpointConditions
              hostname 3 string?
              targetRef 4 ObjectReference?
              deprecatedTopology 5 {string}
              nodeName 6 string?
              zone 7 string?
              hints 8 EndpointHints?
            EndpointConditions
              ready 1 bool?
              serving 2 bool?
              terminating 3 bool?
            EndpointHints
              forZones 1 [ForZone] atomic
              forNodes 2 [ForNode] atomic
            EndpointPort atomic
              name 1 string?
              protocol 2 string?
              port 3 int32?
              appProtocol 4 string?
            ForNode
              name 1 string!
            ForZone
              name 1 string!
            """,
        columns: [
            .name, Column("AddressType") { $0.value["addressType"] ?? "" },
            Column("Ports") { slice in
                let ports = slice.value.list("ports").map { $0["port"]?.intValue.map(String.init) ?? "*" }
                return .string(ports.joined(separator: ",").orUnset)
            },
            Column("Endpoints") { slice in
                let all = slice.value.list("endpoints").flatMap { $0.list("addresses").compactMap(\.stringValue) }
                let more = all.count > 3 ? " + \(all.count - 3) more..." : ""
                return .string((all.prefix(3).joined(separator: ",") + more).orUnset)
            },
            .age,
        ],
        defaults: { slice in
            slice.changeEach("ports") { port in
                port.setDefault("protocol", to: "TCP")
                if port["name"] == nil { port["name"] = "" }
            }
        },
        rules: { slice, errors in
            let type = slice.text("addressType")
            if type.isEmpty {
                errors.required("addressType")
            } else {
                errors.oneOf("addressType", type, ["FQDN", "IPv4", "IPv6"])
            }
            for (index, endpoint) in slice.list("endpoints").enumerated() {
                let addresses = endpoint.list("addresses").compactMap(\.stringValue)
                if addresses.isEmpty {
                    errors.required("endpoints[\(index)].addresses", "must contain at least 1 address")
                }
                for (place, address) in addresses.enumerated() where type != "FQDN" && !NameRules.isAddress(address) {
                    errors.invalid("endpoints[\(index)].addresses[\(place)]", address, NameRules.addressFault)
                }
            }
            errors.unique({ "ports[\($0)].name" }, slice.list("ports").map { $0.text("name") })
        },
        updateRules: { new, old, errors in
            errors.notChanged("addressType", new["addressType"] == old["addressType"], new["addressType"] ?? .null)
        })
}
