import JSON

extension ResourceType {
    public static let endpoints = ResourceType("Endpoints", "endpoints", ["ep"])
}

extension Kind {
    /// The addresses behind a Service, in the old form.
    static let endpoints = Kind(
        .endpoints,
        schema: """
            Endpoints
              metadata 1 ObjectMeta
              subsets 2 [EndpointSubset] atomic
            EndpointAddress atomic
              ip 1 string!
              hostname 3 string
              nodeName 4 string?
              targetRef 2 ObjectReference?
            EndpointPort atomic
              name 1 string
              port 2 int32!
              protocol 3 string
              appProtocol 4 string?
            EndpointSubset
              addresses 1 [EndpointAddress] atomic
              notReadyAddresses 2 [EndpointAddress] atomic
              ports 3 [EndpointPort] atomic
            """,
        columns: [.name, Column("Endpoints") { .string(addresses($0.value)) }, .age],
        defaults: { endpoints in
            endpoints.changeEach("subsets") { $0.changeEach("ports") { $0.setDefault("protocol", to: "TCP") } }
        },
        rules: { endpoints, errors in
            for (index, subset) in endpoints.list("subsets").enumerated() {
                let field = "subsets[\(index)]"
                if subset.list("addresses").isEmpty, subset.list("notReadyAddresses").isEmpty {
                    errors.required(field, "must specify `addresses` or `notReadyAddresses`")
                }
                for (place, address) in subset.list("addresses").enumerated()
                where !NameRules.isAddress(address.text("ip")) {
                    errors.invalid("\(field).addresses[\(place)].ip", address.text("ip"), NameRules.addressFault)
                }
                for (place, port) in subset.list("ports").enumerated() {
                    errors.port("\(field).ports[\(place)].port", port["port"]?.intValue ?? 0)
                }
            }
        })
}

private func addresses(_ endpoints: JSONValue) -> String {
    let all = endpoints.list("subsets").flatMap { subset in
        let ports = subset.list("ports").map { ":\($0["port"]?.intValue ?? 0)" }
        return (ports.isEmpty ? [""] : ports).flatMap { port in
            subset.list("addresses").map { address in
                let text = address.text("ip")
                return text.contains(":") && !port.isEmpty ? "[\(text)]\(port)" : text + port
            }
        }
    }
    return (all.prefix(3).joined(separator: ",") + (all.count > 3 ? " + \(all.count - 3) more..." : "")).orNone
}
