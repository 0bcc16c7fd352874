public import JSON

/// The fields of services that the API fills in.
public enum ServiceFields {
    static func wantsAddress(_ service: JSONValue) -> Bool { service.text("spec", "type") != "ExternalName" }

    static func wantsNodePorts(_ service: JSONValue) -> Bool {
        switch service.text("spec", "type") {
        case "NodePort": true
        case "LoadBalancer": service[path: "spec", "allocateLoadBalancerNodePorts"]?.boolValue ?? true
        default: false
        }
    }

    static func wantsHealthCheckPort(_ service: JSONValue) -> Bool {
        service.text("spec", "type") == "LoadBalancer" && service.text("spec", "externalTrafficPolicy") == "Local"
    }

    static func addresses(of service: JSONValue) -> [String] {
        let all = service.list("spec", "clusterIPs").compactMap(\.stringValue) + [service.text("spec", "clusterIP")]
        return all.filter { !$0.isEmpty && $0 != "None" }
    }

    static func nodePort(_ port: JSONValue) -> Int? { port["nodePort"]?.intValue.flatMap { $0 == 0 ? nil : $0 } }

    static func nodePorts(of service: JSONValue) -> [Int] { service.list("spec", "ports").compactMap(nodePort) }

    static func healthCheckPort(of service: JSONValue) -> Int? {
        service[path: "spec", "healthCheckNodePort"]?.intValue.flatMap { $0 == 0 ? nil : $0 }
    }

    /// Whether a service lacks an address that it should have.
    public static func lacksAddress(_ service: Resource) -> Bool {
        wantsAddress(service.value) && service.value.text("spec", "clusterIP").isEmpty
    }

    /// `clusterIP` and the first of `clusterIPs` are the same.
    static func alignAddresses(_ service: inout JSONValue) {
        let one = service.text("spec", "clusterIP")
        guard !one.isEmpty, service.list("spec", "clusterIPs").isEmpty else { return }
        service[path: "spec", "clusterIPs"] = [.string(one)]
    }

    // MARK: Updates

    /// Gives a service's new version what was allocated to the old one, where it does not say otherwise, and drops what its new type
    /// has no use for.
    public static func carry(from old: JSONValue, to new: inout JSONValue) {
        carryAddresses(from: old, to: &new)
        carryPorts(from: old, to: &new)
        let isChecked = wantsHealthCheckPort(old)
        if isChecked, wantsHealthCheckPort(new), healthCheckPort(of: new) == nil {
            new[path: "spec", "healthCheckNodePort"] = old[path: "spec", "healthCheckNodePort"]
        } else if isChecked, !wantsHealthCheckPort(new), healthCheckPort(of: new) == healthCheckPort(of: old) {
            new[path: "spec", "healthCheckNodePort"] = nil
        }
        let type = new.text("spec", "type")
        guard type != old.text("spec", "type") else { return }
        let isExternal = ["NodePort", "LoadBalancer"].contains(type)
        for (field, isUsed) in [
            ("externalTrafficPolicy", isExternal), ("allocateLoadBalancerNodePorts", type == "LoadBalancer"),
            ("loadBalancerClass", type == "LoadBalancer"), ("internalTrafficPolicy", type != "ExternalName"),
        ] where !isUsed && new[path: "spec", field] == old[path: "spec", field] {
            new[path: "spec", field] = nil
        }
    }

    private static let addressFields = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]

    private static func carryAddresses(from old: JSONValue, to new: inout JSONValue) {
        guard wantsAddress(old) else { return }
        guard wantsAddress(new) else {
            if addressFields.allSatisfy({
                new[path: "spec", $0] == nil || new[path: "spec", $0] == old[path: "spec", $0]
            }) {
                for field in addressFields { new[path: "spec", field] = nil }
            }
            return
        }
        let before = old.text("spec", "clusterIP")
        if new.text("spec", "clusterIP").isEmpty, !before.isEmpty { new[path: "spec", "clusterIP"] = .string(before) }
        if new.text("spec", "clusterIP") == before {
            for field in addressFields where isEmpty(new[path: "spec", field]) {
                new[path: "spec", field] = old[path: "spec", field]
            }
        } else if new.list("spec", "clusterIPs") == old.list("spec", "clusterIPs") {
            new[path: "spec", "clusterIPs"] = nil
            alignAddresses(&new)
        }
    }

    private static func isEmpty(_ value: JSONValue?) -> Bool {
        value == nil || value == .null || value == [] || value == ""
    }

    private static func carryPorts(from old: JSONValue, to new: inout JSONValue) {
        guard wantsNodePorts(old), var spec = new["spec"] else { return }
        if wantsNodePorts(new) {
            var used = Set(nodePorts(of: old)).intersection(nodePorts(of: new))
            var byName: [String: Int] = [:]
            for port in old.list("spec", "ports") { byName[port.text("name")] = nodePort(port) }
            spec.changeEach("ports") { port in
                guard nodePort(port) == nil, let known = byName[port.text("name")], used.insert(known).inserted else {
                    return
                }
                port["nodePort"] = .integer(Int64(known))
            }
        } else if Set(nodePorts(of: new)).isSubset(of: nodePorts(of: old)) {
            spec.changeEach("ports") { $0["nodePort"] = nil }
        }
        new["spec"] = spec
    }
}
