import JSON

extension Pod {
    mutating func prepareForEphemeralContainersUpdate(old: Pod) {
        let version = metadata.resourceVersion
        metadata = old.metadata
        metadata.resourceVersion = version
        let wanted = spec.ephemeralContainers
        spec = old.spec
        spec.ephemeralContainers = wanted
        status = old.status
    }

    func validateCreate(into errors: inout FieldErrors) {
        if spec.ephemeralContainers?.isEmpty == false {
            errors.forbidden("spec.ephemeralContainers", "cannot be set on create")
        }
    }

    /// They may be added; patches keep no order, so each is looked for by its name.
    func validateEphemeralContainersUpdate(old: Pod, into errors: inout FieldErrors) {
        let field = "spec.ephemeralContainers"
        var before = old.spec
        before.setDefaults()
        for known in before.ephemeralContainers ?? [] {
            let name = JSONValue.string(known.container.name)
            guard let now = spec.ephemeralContainers?.first(where: { $0.container.name == known.container.name }) else {
                errors.forbidden(field, "existing ephemeral containers \(name) may not be removed\n")
                continue
            }
            if now != known { errors.forbidden(field, "existing ephemeral containers \(name) may not be changed\n") }
        }
    }
}

extension PodSpec {
    func validateEphemeralContainers(_ field: String, volumes: Set<String>, into errors: inout FieldErrors) {
        let others = Set(containers.map(\.name) + (initContainers ?? []).map(\.name))
        var names = others
        for (index, ephemeral) in (ephemeralContainers ?? []).enumerated() {
            let here = "\(field)[\(index)]"
            let container = ephemeral.container
            container.validate(here, volumes: volumes, hostNetwork: hostNetwork == true, into: &errors)
            if !names.insert(container.name).inserted { errors.duplicate("\(here).name", container.name) }
            if let target = ephemeral.targetContainerName, !target.isEmpty, !others.contains(target) {
                errors.notFound("\(here).targetContainerName", target)
            }
            for member in container.membersThatServe {
                errors.forbidden("\(here).\(member)", "cannot be set for an Ephemeral Container")
            }
            for (index, mount) in (container.volumeMounts ?? []).enumerated() {
                for (member, path) in [("subPath", mount.subPath), ("subPathExpr", mount.subPathExpr)]
                where path?.isEmpty == false {
                    errors.forbidden(
                        "\(here).volumeMounts[\(index)].\(member)", "cannot be set for an Ephemeral Container")
                }
            }
        }
    }

    /// Templates make pods, and those begin without any.
    func refuseEphemeralContainers(_ field: String, into errors: inout FieldErrors) {
        guard ephemeralContainers?.isEmpty == false else { return }
        errors.forbidden("\(field).ephemeralContainers", "ephemeral containers not allowed in pod template")
    }
}

extension Container {
    /// What is set and belongs to a container that serves, in the order of the API's fields.
    fileprivate var membersThatServe: [String] {
        let resources = resources.map { $0 != ResourceRequirements() } ?? false
        let members: [(String, Bool)] = [
            ("ports", ports?.isEmpty == false), ("resources", resources),
            ("resizePolicy", resizePolicy?.arrayValue?.isEmpty == false), ("restartPolicy", restartPolicy != nil),
            ("restartPolicyRules", restartPolicyRules?.arrayValue?.isEmpty == false),
            ("livenessProbe", livenessProbe != nil), ("readinessProbe", readinessProbe != nil),
            ("startupProbe", startupProbe != nil), ("lifecycle", lifecycle != nil),
        ]
        return members.filter(\.1).map(\.0)
    }
}
