import JSON

extension ResourceType {
    public static let service = ResourceType("Service", "services", ["svc"], categories: ["all"])
}

extension Kind {
    /// A name and an address for a set of pods.
    static let service = Kind(
        .service,
        schema: """
            Service
              metadata 1 ObjectMeta
              spec 2 ServiceSpec
              status 3 ServiceStatus
            ClientIPConfig
              timeoutSeconds 1 int32?
            LoadBalancerIngress
              ip 1 string
              hostname 2 string
              ipMode 3 string?
              ports 4 [PortStatus] atomic
            LoadBalancerStatus
              ingress 1 [LoadBalancerIngress] atomic
            PortStatus
              port 1 int32!
              protocol 2 string!
              error 3 string?
            ServicePort
              name 1 string
              protocol 2 string =TCP
              appProtocol 6 string?
              port 3 int32!
              targetPort 4 intOrString
              nodePort 5 int32
            ServiceSpec
              ports 1 [ServicePort] merge=port map=port,protocol
              selector 2 {string} atomic
              clusterIP 3 string
              clusterIPs 18 [string] atomic
              type 4 string
              externalIPs 5 [string] atomic
              sessionAffinity 7 string
              loadBalancerIP 8 string
              loadBalancerSourceRanges 9 [string] atomic
              externalName 10 string
              externalTrafficPolicy 11 string
              healthCheckNodePort 12 int32
              publishNotReadyAddresses 13 bool
              sessionAffinityConfig 14 SessionAffinityConfig?
              ipFamilies 19 [string] atomic
              ipFamilyPolicy 17 string?
              allocateLoadBalancerNodePorts 20 bool?
              loadBalancerClass 21 string?
              internalTrafficPolicy 22 string?
              trafficDistribution 23 string?
            ServiceStatus
              loadBalancer 1 LoadBalancerStatus
              conditions 2 [Condition] merge=type map=type
            SessionAffinityConfig
              clientIP 1 ClientIPConfig?
            """,
        columns: [
            .name, Column("Type") { $0.value[path: "spec", "type"] ?? "" },
            Column("Cluster-IP") { .string($0.value.text("spec", "clusterIP").orNone) },
            Column("External-IP") { .string(ServiceRules.externalAddress($0.value)) },
            Column("Port(s)") { .string(ServiceRules.ports($0.value)) }, .age,
            Column("Selector", wide: true) { .string(ServiceRules.selector($0.value)) },
        ],
        hasStatus: true, nameFault: NameRules.dns1035Label, defaults: ServiceRules.setDefaults,
        keepsOfOld: { ServiceFields.carry(from: $1, to: &$0) },
        rules: ServiceRules.check, updateRules: ServiceRules.checkUpdate)
}

private enum ServiceRules {
    static func setDefaults(_ service: inout JSONValue) {
        service.setDefault("spec", "sessionAffinity", to: "None")
        service.setDefault("spec", "type", to: "ClusterIP")
        let type = service.text("spec", "type")
        var spec = service["spec"] ?? [:]
        spec.changeEach("ports") { port in
            port.setDefault("protocol", to: "TCP")
            port.setDefault("targetPort", to: port["port"] ?? 0)
        }
        if type != "ExternalName" {
            spec.setDefault("internalTrafficPolicy", to: "Cluster")
            if ["NodePort", "LoadBalancer"].contains(type) { spec.setDefault("externalTrafficPolicy", to: "Cluster") }
            if type == "LoadBalancer" { spec.setDefault("allocateLoadBalancerNodePorts", to: true) }
            if spec["sessionAffinity"] == "ClientIP" {
                spec.setDefault("sessionAffinityConfig", "clientIP", "timeoutSeconds", to: 10_800)
            }
        }
        service["spec"] = spec
    }

    static func check(_ service: JSONValue, into errors: inout FieldErrors) {
        let spec = service["spec"] ?? [:]
        let type = spec.text("type")
        errors.oneOf("spec.type", type, ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"])
        errors.oneOf("spec.sessionAffinity", spec.text("sessionAffinity"), ["ClientIP", "None"])
        let ports = spec.list("ports")
        if type == "ExternalName" {
            let name = spec.text("externalName")
            if name.isEmpty {
                errors.required("spec.externalName")
            } else if let fault = NameRules.subdomain(name) {
                errors.invalid("spec.externalName", name, fault)
            }
            if !["", "None"].contains(spec.text("clusterIP")) {
                errors.forbidden("spec.clusterIP", "may not be set for ExternalName services")
            }
        } else if ports.isEmpty, spec.text("clusterIP") != "None" {
            errors.required("spec.ports")
        }
        check(ports: ports, into: &errors)
        let selector = (spec["selector"]?.objectValue ?? [:]).compactMapValues(\.stringValue)
        ObjectMeta.validate(labels: selector, "spec.selector", into: &errors)
        let address = spec.text("clusterIP")
        if !["", "None"].contains(address), !NameRules.isAddress(address) {
            errors.invalid("spec.clusterIPs[0]", address, NameRules.addressFault)
        }
        checkAddresses(spec, into: &errors)
        checkNodePorts(spec, into: &errors)
    }

    private static func checkAddresses(_ spec: JSONValue, into errors: inout FieldErrors) {
        let addresses = spec.list("clusterIPs")
        if let first = addresses.first {
            if spec.text("clusterIP").isEmpty {
                errors.invalid("spec.clusterIPs", .array(addresses), "must be empty when `clusterIP` is not specified")
            } else if first.stringValue != spec.text("clusterIP") {
                errors.invalid("spec.clusterIPs", .array(addresses), "first value must match `clusterIP`")
            }
        }
        errors.oneOf(
            "spec.ipFamilyPolicy", spec["ipFamilyPolicy"]?.stringValue,
            ["PreferDualStack", "RequireDualStack", "SingleStack"])
        for (index, family) in spec.list("ipFamilies").enumerated() {
            errors.oneOf("spec.ipFamilies[\(index)]", family.stringValue, ["IPv4", "IPv6"])
        }
    }

    private static func checkNodePorts(_ spec: JSONValue, into errors: inout FieldErrors) {
        let type = spec.text("type")
        var seen: Set<String> = []
        for (index, port) in spec.list("ports").enumerated() {
            guard let node = ServiceFields.nodePort(port) else { continue }
            let field = "spec.ports[\(index)].nodePort"
            if type == "ClusterIP" { errors.forbidden(field, "may not be used when `type` is 'ClusterIP'") }
            if !seen.insert("\(port.text("protocol"))/\(node)").inserted { errors.duplicate(field, node) }
        }
    }

    private static func check(ports: [JSONValue], into errors: inout FieldErrors) {
        var (seen, names): (Set<String>, Set<String>) = ([], [])
        for (index, port) in ports.enumerated() {
            let field = "spec.ports[\(index)]"
            let name = port.text("name")
            if name.isEmpty {
                if ports.count > 1 { errors.required("\(field).name") }
            } else if let fault = NameRules.label(name) {
                errors.invalid("\(field).name", name, fault)
            } else if !names.insert(name).inserted {
                errors.duplicate("\(field).name", name)
            }
            errors.port("\(field).port", port["port"]?.intValue ?? 0)
            errors.oneOf("\(field).protocol", port.text("protocol"), ["SCTP", "TCP", "UDP"])
            switch port["targetPort"] {
            case .string(let text)?:
                if let fault = NameRules.portName(text) { errors.invalid("\(field).targetPort", text, fault) }
            case .integer(let number)?: errors.port("\(field).targetPort", Int(number))
            default: break
            }
            let key = "\(port.text("protocol"))/\(port["port"]?.intValue ?? 0)"
            if !seen.insert(key).inserted { errors.duplicate(field, key) }
        }
    }

    static func checkUpdate(_ new: JSONValue, _ old: JSONValue, into errors: inout FieldErrors) {
        let was = old.text("spec", "clusterIP")
        guard !was.isEmpty, old.text("spec", "type") != "ExternalName", new.text("spec", "type") != "ExternalName",
            new.text("spec", "clusterIP") != was
        else { return }
        let addresses = new.list("spec", "clusterIPs")
        errors.invalid(
            "spec.clusterIPs[0]", .array(addresses.isEmpty ? [.string(new.text("spec", "clusterIP"))] : addresses),
            "may not change once set")
    }

    static func externalAddress(_ service: JSONValue) -> String {
        let own = service.list("spec", "externalIPs").compactMap(\.stringValue)
        switch service.text("spec", "type") {
        case "ExternalName": return service.text("spec", "externalName").orNone
        case "LoadBalancer":
            let balancer = service.list("status", "loadBalancer", "ingress")
                .map { $0.text("ip").isEmpty ? $0.text("hostname") : $0.text("ip") }
            let all = balancer + own
            return all.isEmpty ? "<pending>" : all.joined(separator: ",")
        default: return own.joined(separator: ",").orNone
        }
    }

    static func ports(_ service: JSONValue) -> String {
        service.list("spec", "ports").map { port in
            let node = port["nodePort"]?.intValue ?? 0
            return "\(port["port"]?.intValue ?? 0)\(node > 0 ? ":\(node)" : "")/\(port.text("protocol"))"
        }.joined(separator: ",").orNone
    }

    static func selector(_ service: JSONValue) -> String {
        (service[path: "spec", "selector"]?.objectValue ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.stringValue ?? "")" }.joined(separator: ",").orNone
    }
}
