import JSON

/// Checks of k8s.io/kubernetes/pkg/apis/core/validation, for the fields Wherry uses.
extension PodSpec {
    func validate(_ field: String, into errors: inout FieldErrors) {
        validateVolumes("\(field).volumes", into: &errors)
        validateContainers(field, into: &errors)
        errors.oneOf("\(field).restartPolicy", restartPolicy, ["Always", "OnFailure", "Never"])
        errors.oneOf(
            "\(field).dnsPolicy", dnsPolicy, ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"])
        validateNameServers("\(field).dnsConfig", into: &errors)
        errors.notNegative("\(field).terminationGracePeriodSeconds", terminationGracePeriodSeconds)
        if let deadline = activeDeadlineSeconds, !(1...Int(Int32.max)).contains(deadline) {
            errors.invalid(
                "\(field).activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
        }
        ObjectMeta.validate(labels: nodeSelector ?? [:], "\(field).nodeSelector", into: &errors)
        NodeAffinityRules.validate(affinity, "\(field).affinity", into: &errors)
        validateNames(field, into: &errors)
        securityContext?.validate("\(field).securityContext", into: &errors)
        validateSysctls("\(field).securityContext.sysctls", into: &errors)
        for (index, toleration) in (tolerations ?? []).enumerated() {
            toleration.validate("\(field).tolerations[\(index)]", into: &errors)
        }
    }

    private func validateNameServers(_ field: String, into errors: inout FieldErrors) {
        let servers = dnsConfig?.nameservers ?? []
        if dnsPolicy == "None" {
            if dnsConfig == nil {
                errors.required(field, "must provide `dnsConfig` when `dnsPolicy` is None")
            } else if servers.isEmpty {
                errors.required(
                    "\(field).nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
            }
        }
        for (index, server) in servers.enumerated() where !NameRules.isAddress(server) {
            errors.invalid("\(field).nameservers[\(index)]", server, NameRules.addressFault)
        }
    }

    private func validateNames(_ field: String, into errors: inout FieldErrors) {
        if let account = serviceAccountName, !account.isEmpty, let fault = NameRules.subdomain(account) {
            errors.invalid("\(field).serviceAccountName", account, fault)
        }
        for (index, alias) in (hostAliases ?? []).enumerated() {
            if !NameRules.isAddress(alias.ip) {
                errors.invalid("\(field).hostAliases[\(index)].ip", alias.ip, NameRules.addressFault)
            }
            for name in alias.hostnames ?? [] {
                guard let fault = NameRules.subdomain(name) else { continue }
                errors.invalid("\(field).hostAliases[\(index)].hostnames", name, fault)
            }
        }
        if let nodeName, !nodeName.isEmpty, let fault = NameRules.subdomain(nodeName) {
            errors.invalid("\(field).nodeName", nodeName, fault)
        }
        if let hostname, !hostname.isEmpty, let fault = NameRules.label(hostname) {
            errors.invalid("\(field).hostname", hostname, fault)
        }
        if let subdomain, !subdomain.isEmpty, let fault = NameRules.label(subdomain) {
            errors.invalid("\(field).subdomain", subdomain, fault)
        }
        for (index, secret) in (imagePullSecrets ?? []).enumerated() where secret.name?.isEmpty ?? true {
            errors.required("\(field).imagePullSecrets[\(index)].name")
        }
    }

    private func validateVolumes(_ field: String, into errors: inout FieldErrors) {
        let volumes = volumes ?? []
        for (index, volume) in volumes.enumerated() { volume.validate("\(field)[\(index)]", into: &errors) }
        errors.unique({ "\(field)[\($0)].name" }, volumes.map(\.name))
    }

    private func validateContainers(_ field: String, into errors: inout FieldErrors) {
        if containers.isEmpty { errors.required("\(field).containers") }
        let volumeNames = Set((volumes ?? []).map(\.name))
        let onHost = hostNetwork == true
        let initContainers = initContainers ?? []
        for (index, container) in initContainers.enumerated() {
            let here = "\(field).initContainers[\(index)]"
            container.validate(here, volumes: volumeNames, hostNetwork: onHost, into: &errors)
            container.validateAsInit(here, into: &errors)
        }
        for (index, container) in containers.enumerated() {
            let here = "\(field).containers[\(index)]"
            container.validate(here, volumes: volumeNames, hostNetwork: onHost, into: &errors)
            if container.restartPolicy != nil {
                errors.forbidden("\(here).restartPolicy", "may not be set for non-init containers")
            }
        }
        // Names are unique over both lists; those of init containers are compared last.
        let names = containers.map(\.name) + initContainers.map(\.name)
        errors.unique(
            {
                $0 < containers.count
                    ? "\(field).containers[\($0)].name" : "\(field).initContainers[\($0 - containers.count)].name"
            }, names)
        validateEphemeralContainers("\(field).ephemeralContainers", volumes: volumeNames, into: &errors)
        validateHostPorts(field, into: &errors)
    }

    private func validateHostPorts(_ field: String, into errors: inout FieldErrors) {
        var seen: Set<String> = []
        for (index, container) in containers.enumerated() {
            for (portIndex, port) in (container.ports ?? []).enumerated() {
                guard let hostPort = port.hostPort, hostPort != 0 else { continue }
                let id = "\(port.protocol ?? "TCP")/\(port.hostIP ?? "")/\(hostPort)"
                if !seen.insert(id).inserted {
                    errors.duplicate("\(field).containers[\(index)].ports[\(portIndex)].hostPort", id)
                }
            }
        }
    }
}

extension PodSecurityContext {
    func validate(_ field: String, into errors: inout FieldErrors) {
        SecurityContext.validate(id: runAsUser, "\(field).runAsUser", into: &errors)
        SecurityContext.validate(id: runAsGroup, "\(field).runAsGroup", into: &errors)
        SecurityContext.validate(id: fsGroup, "\(field).fsGroup", into: &errors)
        for (index, group) in (supplementalGroups ?? []).enumerated() {
            SecurityContext.validate(id: group, "\(field).supplementalGroups[\(index)]", into: &errors)
        }
        seccompProfile?.validate("\(field).seccompProfile", into: &errors)
        for (index, sysctl) in (sysctls ?? []).enumerated() {
            if sysctl.name.isEmpty {
                errors.required("\(field).sysctls[\(index)].name")
            } else if let fault = NameRules.sysctl(sysctl.name) {
                errors.invalid("\(field).sysctls[\(index)].name", sysctl.name, fault)
            }
        }
        errors.unique({ "\(field).sysctls[\($0)].name" }, (sysctls ?? []).map(\.name))
    }
}

extension SeccompProfile {
    func validate(_ field: String, into errors: inout FieldErrors) {
        if type.isEmpty {
            errors.required("\(field).type")
        } else {
            errors.oneOf("\(field).type", type, ["Localhost", "RuntimeDefault", "Unconfined"])
        }
        if type == "Localhost", localhostProfile?.isEmpty ?? true {
            errors.required("\(field).localhostProfile", "must be set when seccomp type is Localhost")
        }
    }
}

extension Toleration {
    func validate(_ field: String, into errors: inout FieldErrors) {
        if let key, !key.isEmpty, let fault = NameRules.qualifiedName(key) {
            errors.invalid("\(field).key", key, fault)
        }
        let operation = self.operator ?? "Equal"
        if key?.isEmpty ?? true, operation != "Exists" {
            errors.invalid(
                "\(field).operator", operation,
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"")
        }
        errors.oneOf("\(field).operator", operation, ["Equal", "Exists"])
        if operation == "Exists", value?.isEmpty == false {
            errors.invalid("\(field).operator", value ?? "", "value must be empty when `operator` is 'Exists'")
        }
        if tolerationSeconds != nil, effect != "NoExecute" {
            errors.invalid(
                "\(field).effect", effect ?? "", "effect must be 'NoExecute' when `tolerationSeconds` is set")
        } else if effect?.isEmpty == false {
            errors.oneOf("\(field).effect", effect, ["NoSchedule", "PreferNoSchedule", "NoExecute"])
        }
    }
}
