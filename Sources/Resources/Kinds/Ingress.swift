import JSON

extension ResourceType {
    public static let ingress = ResourceType(
        group: "networking.k8s.io", "Ingress", "ingresses", ["ing"])
}

extension Kind {
    /// Which Service answers which HTTP request.
    static let ingress = Kind(
        .ingress,
        schema: """
            Ingress
              metadata 1 ObjectMeta
              spec 2 IngressSpec
              status 3 IngressStatus
            HTTPIngressPath
              path 1 string
              pathType 3 string!
              backend 2 IngressBackend!
            HTTPIngressRuleValue
              paths 1 [HTTPIngressPath]! atomic
            IngressBackend
              service 4 IngressServiceBackend?
              resource 3 TypedLocalObjectReference?
            IngressLoadBalancerIngress
              ip 1 string
              hostname 2 string
              ports 4 [IngressPortStatus] atomic
            IngressLoadBalancerStatus
              ingress 1 [IngressLoadBalancerIngress] atomic
            IngressPortStatus
              port 1 int32!
              protocol 2 string!
              error 3 string?
            IngressRule
              host 1 string
              &2 IngressRuleValue
            IngressRuleValue
              http 1 HTTPIngressRuleValue?
            IngressServiceBackend
              name 1 string!
              port 2 ServiceBackendPort
            IngressSpec
              ingressClassName 4 string?
              defaultBackend 1 IngressBackend?
              tls 2 [IngressTLS] atomic
              rules 3 [IngressRule] atomic
            IngressStatus
              loadBalancer 1 IngressLoadBalancerStatus
            IngressTLS
              hosts 1 [string] atomic
              secretName 2 string
            ServiceBackendPort atomic
              name 1 string
              number 2 int32
            """,
        columns: [
            .name, Column("Class") { .string($0.value.text("spec", "ingressClassName").orNone) },
            Column("Hosts") { ingress in
                let hosts = ingress.value.list("spec", "rules").map { $0.text("host") }.filter { !$0.isEmpty }
                let more = hosts.count > 3 ? " + \(hosts.count - 3) more..." : ""
                return .string(hosts.isEmpty ? "*" : hosts.prefix(3).joined(separator: ",") + more)
            },
            Column("Address") { ingress in
                .string(
                    ingress.value.list("status", "loadBalancer", "ingress")
                        .map { $0.text("ip").isEmpty ? $0.text("hostname") : $0.text("ip") }.joined(separator: ","))
            },
            Column("Ports") { .string($0.value.list("spec", "tls").isEmpty ? "80" : "80, 443") }, .age,
        ],
        hasStatus: true, rules: IngressRules.check)
}

private enum IngressRules {
    static func check(_ ingress: JSONValue, into errors: inout FieldErrors) {
        let rules = ingress.list("spec", "rules")
        if rules.isEmpty, ingress[path: "spec", "defaultBackend"] == nil {
            errors.invalid("spec", ingress["spec"] ?? [:], "either `defaultBackend` or `rules` must be specified")
        }
        if let backend = ingress[path: "spec", "defaultBackend"] {
            check(backend, "spec.defaultBackend", into: &errors)
        }
        for (index, rule) in rules.enumerated() {
            let host = rule.text("host")
            if !host.isEmpty, let fault = NameRules.subdomain(host.hasPrefix("*.") ? String(host.dropFirst(2)) : host) {
                errors.invalid("spec.rules[\(index)].host", host, fault)
            }
            guard rule["http"] != nil else { continue }
            let paths = rule.list("http", "paths")
            if paths.isEmpty { errors.required("spec.rules[\(index)].http.paths") }
            for (place, path) in paths.enumerated() {
                let field = "spec.rules[\(index)].http.paths[\(place)]"
                check(path: path, field, into: &errors)
                check(path["backend"] ?? [:], "\(field).backend", into: &errors)
            }
        }
    }

    private static func check(path: JSONValue, _ field: String, into errors: inout FieldErrors) {
        let type = path.text("pathType")
        let text = path.text("path")
        switch type {
        case "": errors.required("\(field).pathType", "pathType must be specified")
        case "Exact", "Prefix":
            if !text.hasPrefix("/") { errors.invalid("\(field).path", text, "must be an absolute path") }
        case "ImplementationSpecific":
            if !text.isEmpty, !text.hasPrefix("/") {
                errors.invalid("\(field).path", text, "must be an absolute path")
            }
        default: errors.notSupported("\(field).pathType", type, ["Exact", "ImplementationSpecific", "Prefix"])
        }
    }

    private static func check(_ backend: JSONValue, _ field: String, into errors: inout FieldErrors) {
        guard let service = backend["service"] else {
            if backend["resource"] == nil {
                errors.required(field, "resource or service backend is required")
            }
            return
        }
        let name = service.text("name")
        if name.isEmpty {
            errors.required("\(field).service.name")
        } else if let fault = NameRules.dns1035Label(name) {
            errors.invalid("\(field).service.name", name, fault)
        }
        let number = service[path: "port", "number"]?.intValue ?? 0
        switch (service.text("port", "name").isEmpty, number) {
        case (true, 0): errors.required(field, "port name or number is required")
        case (false, 1...): errors.invalid(field, "", "cannot set both port name & port number")
        case (true, _): errors.port("\(field).service.port.number", number)
        default: break
        }
    }
}
