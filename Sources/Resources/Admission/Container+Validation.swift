import JSON

extension Container {
    func validate(_ field: String, volumes: Set<String>, hostNetwork: Bool, into errors: inout FieldErrors) {
        if name.isEmpty {
            errors.required("\(field).name")
        } else if let fault = NameRules.label(name) {
            errors.invalid("\(field).name", name, fault)
        }
        validateImage(field, into: &errors)
        validatePorts("\(field).ports", hostNetwork: hostNetwork, into: &errors)
        for (index, variable) in (env ?? []).enumerated() {
            variable.validate("\(field).env[\(index)]", into: &errors)
        }
        for (index, source) in (envFrom ?? []).enumerated() {
            source.validate("\(field).envFrom", index, into: &errors)
        }
        validateMounts("\(field).volumeMounts", volumes: volumes, into: &errors)
        resources?.validate("\(field).resources", into: &errors)
        livenessProbe?.validate("\(field).livenessProbe", mustSucceedOnce: true, into: &errors)
        readinessProbe?.validate("\(field).readinessProbe", mustSucceedOnce: false, into: &errors)
        startupProbe?.validate("\(field).startupProbe", mustSucceedOnce: true, into: &errors)
        lifecycle?.postStart?.validate("\(field).lifecycle.postStart", into: &errors)
        lifecycle?.preStop?.validate("\(field).lifecycle.preStop", into: &errors)
        securityContext?.validate("\(field).securityContext", into: &errors)
        errors.oneOf(
            "\(field).terminationMessagePolicy", terminationMessagePolicy, ["FallbackToLogsOnError", "File"])
    }

    /// What init containers may not have, unless they are sidecars.
    func validateAsInit(_ field: String, into errors: inout FieldErrors) {
        errors.oneOf("\(field).restartPolicy", restartPolicy, ["Always"])
        guard restartPolicy != "Always" else { return }
        let detail = "may not be set for init containers without restartPolicy=Always"
        if livenessProbe != nil { errors.forbidden("\(field).livenessProbe", detail) }
        if readinessProbe != nil { errors.forbidden("\(field).readinessProbe", detail) }
        if startupProbe != nil { errors.forbidden("\(field).startupProbe", detail) }
        if lifecycle != nil { errors.forbidden("\(field).lifecycle", detail) }
    }

    private func validateImage(_ field: String, into errors: inout FieldErrors) {
        let image = image ?? ""
        if image.isEmpty {
            errors.required("\(field).image")
        } else if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
            errors.invalid("\(field).image", image, "must not have leading or trailing whitespace")
        }
        errors.oneOf("\(field).imagePullPolicy", imagePullPolicy, ["Always", "IfNotPresent", "Never"])
    }

    private func validatePorts(_ field: String, hostNetwork: Bool, into errors: inout FieldErrors) {
        let ports = ports ?? []
        for (index, port) in ports.enumerated() {
            let here = "\(field)[\(index)]"
            if port.containerPort == 0 {
                errors.required("\(here).containerPort")
            } else {
                errors.port("\(here).containerPort", port.containerPort)
            }
            if let hostPort = port.hostPort, hostPort != 0 {
                errors.port("\(here).hostPort", hostPort)
                if hostNetwork, hostPort != port.containerPort {
                    errors.invalid(
                        "\(here).hostPort", hostPort, "must match `containerPort` when `hostNetwork` is true")
                }
            }
            errors.oneOf("\(here).protocol", port.protocol, ["SCTP", "TCP", "UDP"])
            if let name = port.name, !name.isEmpty, let fault = NameRules.portName(name) {
                errors.invalid("\(here).name", name, fault)
            }
        }
        errors.unique({ "\(field)[\($0)].name" }, ports.map { $0.name ?? "" })
    }

    private func validateMounts(_ field: String, volumes: Set<String>, into errors: inout FieldErrors) {
        var paths: Set<String> = []
        for (index, mount) in (volumeMounts ?? []).enumerated() {
            let here = "\(field)[\(index)]"
            if mount.name.isEmpty {
                errors.required("\(here).name")
            } else if !volumes.contains(mount.name) {
                errors.notFound("\(here).name", mount.name)
            }
            if mount.mountPath.isEmpty {
                errors.required("\(here).mountPath")
            } else if !paths.insert(mount.mountPath).inserted {
                errors.invalid("\(here).mountPath", mount.mountPath, "must be unique")
            }
            if let subPath = mount.subPath, let fault = NameRules.localPath(subPath) {
                errors.invalid("\(here).subPath", subPath, fault)
            }
            if let subPath = mount.subPathExpr, let fault = NameRules.localPath(subPath) {
                errors.invalid("\(here).subPathExpr", subPath, fault)
            }
            if let expression = mount.subPathExpr, !expression.isEmpty, mount.subPath?.isEmpty == false {
                errors.invalid("\(here).subPathExpr", expression, "subPathExpr and subPath are mutually exclusive")
            }
            errors.oneOf(
                "\(here).mountPropagation", mount.mountPropagation, ["Bidirectional", "HostToContainer", "None"])
            if mount.mountPropagation == "Bidirectional", securityContext?.privileged != true {
                errors.forbidden(
                    "\(here).mountPropagation",
                    "Bidirectional mount propagation is available only to privileged containers")
            }
            mount.validateRecursion("\(here).recursiveReadOnly", into: &errors)
        }
    }
}

extension VolumeMount {
    fileprivate func validateRecursion(_ field: String, into errors: inout FieldErrors) {
        errors.oneOf(field, recursiveReadOnly, ["Disabled", "Enabled", "IfPossible"])
        guard ["Enabled", "IfPossible"].contains(recursiveReadOnly) else { return }
        if readOnly != true { errors.forbidden(field, "may only be specified when readOnly is true") }
        if let mountPropagation, mountPropagation != "None" {
            errors.forbidden(field, "may only be specified when mountPropagation is None or not specified")
        }
    }
}

extension EnvVar {
    private static let fields = [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ]

    func validate(_ field: String, into errors: inout FieldErrors) {
        if name.isEmpty {
            errors.required("\(field).name")
        } else if let fault = NameRules.environmentVariable(name) {
            errors.invalid("\(field).name", name, fault)
        }
        guard let source = valueFrom else { return }
        let here = "\(field).valueFrom"
        let count = [
            source.fieldRef != nil, source.resourceFieldRef != nil, source.configMapKeyRef != nil,
            source.secretKeyRef != nil, source.fileKeyRef != nil,
        ].count { $0 }
        if value?.isEmpty == false {
            errors.invalid(here, "", "may not be specified when `value` is not empty")
        } else if count == 0 {
            errors.invalid(
                here, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`")
        } else if count > 1 {
            errors.invalid(here, "", "may not have more than one field specified at a time")
        }
        if let reference = source.fieldRef { Self.validate(reference, "\(here).fieldRef", into: &errors) }
        if let reference = source.resourceFieldRef, reference.resource.isEmpty {
            errors.required("\(here).resourceFieldRef.resource")
        }
        if let reference = source.configMapKeyRef {
            if reference.name?.isEmpty ?? true { errors.required("\(here).configMapKeyRef.name") }
            Self.validate(key: reference.key, "\(here).configMapKeyRef.key", into: &errors)
        }
        if let reference = source.secretKeyRef {
            if reference.name?.isEmpty ?? true { errors.required("\(here).secretKeyRef.name") }
            Self.validate(key: reference.key, "\(here).secretKeyRef.key", into: &errors)
        }
    }

    private static func validate(key: String, _ field: String, into errors: inout FieldErrors) {
        if key.isEmpty {
            errors.required(field)
        } else if let fault = NameRules.dataKey(key) {
            errors.invalid(field, key, fault)
        }
    }

    private static func validate(
        _ reference: ObjectFieldSelector, _ field: String, into errors: inout FieldErrors
    ) {
        let path = reference.fieldPath
        if path.isEmpty {
            errors.required("\(field).fieldPath")
        } else if !fields.contains(path), !isSubscript(path) {
            errors.invalid(
                "\(field).fieldPath", path, "error converting fieldPath: field label not supported: \(path)")
        }
    }

    /// `metadata.labels['KEY']` or `metadata.annotations['KEY']`.
    static func isSubscript(_ path: String) -> Bool {
        path.hasSuffix("']") && (path.hasPrefix("metadata.labels['") || path.hasPrefix("metadata.annotations['"))
    }
}

extension EnvFromSource {
    /// kube-apiserver names the list where the source is missing, and the element elsewhere.
    func validate(_ list: String, _ index: Int, into errors: inout FieldErrors) {
        let field = "\(list)[\(index)]"
        if let prefix, !prefix.isEmpty, let fault = NameRules.environmentVariable(prefix) {
            errors.invalid("\(field).prefix", prefix, fault)
        }
        switch (configMapRef, secretRef) {
        case (nil, nil): errors.invalid(list, "", "must specify one of: `configMapRef` or `secretRef`")
        case (_?, _?): errors.invalid(list, "", "may not have more than one field specified at a time")
        case (let reference?, nil):
            if reference.name?.isEmpty ?? true { errors.required("\(field).configMapRef.name") }
        case (nil, let reference?):
            if reference.name?.isEmpty ?? true { errors.required("\(field).secretRef.name") }
        }
    }
}

extension ResourceRequirements {
    private static let standard: Set<String> = ["cpu", "memory", "ephemeral-storage", "storage"]

    func validate(_ field: String, into errors: inout FieldErrors) {
        Self.validate(limits ?? [:], "\(field).limits", into: &errors)
        Self.validate(requests ?? [:], "\(field).requests", into: &errors)
        for (name, request) in (requests ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let limit = limits?[name], request > limit else { continue }
            errors.invalid(
                "\(field).requests", request.description, "must be less than or equal to \(name) limit of \(limit)")
        }
    }

    private static func validate(_ list: [String: Quantity], _ field: String, into errors: inout FieldErrors) {
        for (name, quantity) in list.sorted(by: { $0.key < $1.key }) {
            let here = "\(field)[\(name)]"
            if let fault = NameRules.qualifiedName(name) {
                errors.invalid(here, name, fault)
            } else if !standard.contains(name), !name.contains("/"), !name.hasPrefix("hugepages-") {
                errors.invalid(here, name, "must be a standard resource type or fully qualified")
            }
            if quantity.isNegative {
                errors.invalid(here, quantity.description, "must be greater than or equal to 0")
            }
        }
    }
}

extension SecurityContext {
    func validate(_ field: String, into errors: inout FieldErrors) {
        Self.validate(id: runAsUser, "\(field).runAsUser", into: &errors)
        Self.validate(id: runAsGroup, "\(field).runAsGroup", into: &errors)
        seccompProfile?.validate("\(field).seccompProfile", into: &errors)
        if procMount?.isEmpty == false { errors.oneOf("\(field).procMount", procMount, ["Default", "Unmasked"]) }
        guard allowPrivilegeEscalation == false else { return }
        if privileged == true {
            errors.invalid(
                field, .bool(false), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        }
        if capabilities?.add?.contains(where: { $0 == "CAP_SYS_ADMIN" || $0 == "SYS_ADMIN" }) == true {
            errors.invalid(
                field, .bool(false),
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
        }
    }

    static func validate(id: Int?, _ field: String, into errors: inout FieldErrors) {
        if let id, !(0...Int(Int32.max)).contains(id) {
            errors.invalid(field, id, "must be between 0 and 2147483647, inclusive")
        }
    }
}
