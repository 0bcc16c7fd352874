internal import JSON
public import Resources

/// What a namespace demands of new objects: limit ranges, pod security and quotas.
///
/// It works inside the transaction that stores the object, so that two requests at once cannot both take the last of a quota, and
/// pods of controllers pass the same way as those of users.
struct NamespacePolicies {
    let transaction: StoreTransaction

    /// - Throws: 403 in kube-apiserver's words.
    func admit(_ new: Resource, asItWas: Bool = false) throws -> Resource {
        guard let namespace = new.namespace, isSubject(new) else { return new }
        var new = new
        try applyLimitRanges(to: &new, namespace)
        if new.type == .pod, transaction.state.cluster != nil, !asItWas { new = try transaction.identify(new) }
        try checkSecurity(of: new, namespace)
        try checkQuotas(new, namespace, adding: QuotaUsage(of: new))
        return new
    }

    /// Judges a pod that gets an ephemeral container. Those use no quota: they have no resources.
    func checkAddition(to pod: Resource) throws {
        guard let namespace = pod.namespace, isSubject(pod) else { return }
        try checkSecurity(of: pod, namespace)
    }

    /// Judges a change of what may grow after it was made: services and claims.
    func checkGrowth(from old: Resource, to new: Resource) throws {
        guard new.type == .service || new.type == .persistentVolumeClaim, let namespace = new.namespace, isSubject(new)
        else { return }
        let growth = QuotaUsage(of: new).growth(from: QuotaUsage(of: old))
        if !growth.amounts.isEmpty { try checkQuotas(new, namespace, adding: growth) }
    }

    /// A device's pods as the hub shows them are judged on the device.
    private func isSubject(_ resource: Resource) -> Bool {
        resource.type != .event && !transaction.isMirror(resource)
    }

    private func applyLimitRanges(to new: inout Resource, _ namespace: String) throws {
        guard new.type == .pod || new.type == .persistentVolumeClaim else { return }
        let ranges = try transaction.list(.limitRange, namespace: namespace)
        guard !ranges.isEmpty else { return }
        let violations: [String]
        if new.type == .pod {
            var pod = try new.decode(as: Pod.self)
            LimitRanges.applyDefaults(of: ranges, to: &pod)
            new = try Resource(encoding: pod)
            violations = LimitRanges.violations(of: pod.spec, ranges: ranges)
        } else {
            violations = LimitRanges.violations(ofClaim: new, ranges: ranges)
        }
        guard !violations.isEmpty else { return }
        throw StatusError.forbidden(
            new.key, violations.count == 1 ? violations[0] : "[\(violations.joined(separator: ", "))]")
    }

    private func checkSecurity(of new: Resource, _ namespace: String) throws {
        guard new.type == .pod else { return }
        let key = ResourceKey(type: .namespace, namespace: nil, name: namespace)
        let (level, version) = PodSecurity.level(of: .enforce, labels: try transaction.find(key)?.labels ?? [:])
        guard level != .privileged,
            let violations = PodSecurity.violations(of: try new.decode(as: Pod.self).spec, level: level)
        else { return }
        throw StatusError.forbidden(
            new.key, "violates PodSecurity \"\(level.rawValue):\(version)\": \(violations)")
    }

    private func checkQuotas(_ new: Resource, _ namespace: String, adding added: QuotaUsage) throws {
        for quota in try transaction.list(.resourceQuota, namespace: namespace)
        where QuotaUsage.types(of: quota, in: transaction.types).contains(new.type) && QuotaUsage.takes(quota, new) {
            let used = try Self.usage(of: quota, in: transaction)
            if let refusal = QuotaUsage.refusal(quota, of: new, used: used, added: added) {
                throw StatusError.forbidden(new.key, refusal)
            }
        }
    }

    /// What the objects of its namespace use of a quota now.
    static func usage(of quota: Resource, in transaction: StoreTransaction) throws -> QuotaUsage {
        var used = QuotaUsage()
        for type in QuotaUsage.types(of: quota, in: transaction.types) {
            for object in try transaction.list(type, namespace: quota.namespace) where QuotaUsage.takes(quota, object) {
                used = used + QuotaUsage(of: object)
            }
        }
        return used
    }
}

extension StoreTransaction {
    /// What the objects of its namespace use of a ResourceQuota now.
    public func usage(of quota: Resource) throws -> QuotaUsage { try NamespacePolicies.usage(of: quota, in: self) }
}
