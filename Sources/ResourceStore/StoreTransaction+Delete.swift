internal import JSON
public import Resources

extension StoreTransaction {
    static let systemNamespaces: Set<String> = ["default", "kube-system", "kube-public"]
    static let foregroundFinalizer = "foregroundDeletion"
    static let orphanFinalizer = "orphan"

    /// Deletes or marks; see ``Store/delete(_:_:)``.
    @discardableResult
    public func delete(_ key: ResourceKey, _ options: DeleteOptions = DeleteOptions()) throws -> DeleteOutcome {
        let (old, row) = try row(key)
        try check(options, old)
        if key.type == .namespace && Self.systemNamespaces.contains(key.name) { throw StatusError.undeletable(key) }
        var new = old
        if key.type == .customResourceDefinition, !old.isTerminating { terminate(&new) }
        applyPropagation(options.propagation, to: &new)
        let grace = gracePeriod(of: old, options)
        let remaining = old.isTerminating ? min(grace, old.deletionGracePeriodSeconds ?? 0) : grace
        if new.holds.isEmpty && remaining == 0 { return .deleted(try remove(old, row: row)) }
        mark(&new, was: old, remaining: remaining)
        guard new.value != old.value else { return .marked(old) }
        return .marked(try write(new, previous: old, row: row))
    }

    private func check(_ options: DeleteOptions, _ old: Resource) throws {
        if let uid = options.uid, uid != old.uid {
            throw StatusError.precondition(old.key, "UID", wanted: uid, found: old.uid)
        }
        if let version = options.resourceVersion, version != old.resourceVersion {
            throw StatusError.precondition(
                old.key, "ResourceVersion", wanted: version, found: old.resourceVersion)
        }
        if options.propagation == .orphan, old.type == .deployment, state.holdsMirrors {
            throw StatusError.orphansOnDevices(old.key)
        }
    }

    /// Only a pod that runs somewhere needs time; Kubernetes' rule: an unbound or finished pod has none to wait for. A hub's own pod
    /// runs nowhere: devices have copies of it, and give these their time.
    private func gracePeriod(of resource: Resource, _ options: DeleteOptions) -> Int {
        guard resource.type == .pod, !state.holdsMirrors || resource.isMirror,
            !(resource.value[path: "spec", "nodeName"]?.stringValue ?? "").isEmpty
        else { return 0 }
        let phase = resource.value[path: "status", "phase"]?.stringValue
        if phase == "Succeeded" || phase == "Failed" { return 0 }
        let own = resource.value[path: "spec", "terminationGracePeriodSeconds"]?.intValue
        // The numbers are a user's: a date past the year 9999 is one that clients cannot read.
        return min(max(0, options.gracePeriodSeconds ?? own ?? 30), Int(Int32.max))
    }

    private func applyPropagation(_ propagation: DeleteOptions.Propagation?, to resource: inout Resource) {
        guard let propagation else { return }
        var finalizers = resource.finalizers.filter { $0 != Self.foregroundFinalizer && $0 != Self.orphanFinalizer }
        switch propagation {
        case .background: break
        case .foreground: finalizers.append(Self.foregroundFinalizer)
        case .orphan: finalizers.append(Self.orphanFinalizer)
        }
        guard finalizers != resource.finalizers else { return }
        resource.setMetadata("finalizers", finalizers.isEmpty ? nil : .array(finalizers.map { .string($0) }))
    }

    private func mark(_ resource: inout Resource, was old: Resource, remaining: Int) {
        if resource.type == .namespace { resource.value[path: "status", "phase"] = "Terminating" }
        guard !old.isTerminating || remaining < (old.deletionGracePeriodSeconds ?? 0) else { return }
        resource.setMetadata("deletionTimestamp", .string(state.environment.timestamp(after: remaining)))
        resource.setMetadata("deletionGracePeriodSeconds", .integer(Int64(remaining)))
        if !old.isTerminating && resource.countsGenerations {
            resource.setMetadata("generation", .integer(Int64(old.generation + 1)))
        }
    }
}
