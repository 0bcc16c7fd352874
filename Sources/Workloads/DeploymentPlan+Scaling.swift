internal import Resources

extension DeploymentPlanner {
    /// Follows a change of `replicas` outside a rollout step.
    mutating func scale() {
        let active = old.filter { $0.replicas > 0 }
        let newIsActive = (new?.replicas ?? 0) > 0
        if active.isEmpty && (newIsActive || new != nil) { return setNewReplicas(fields.replicas) }
        if !newIsActive && active.count <= 1 {
            guard let index = old.lastIndex(where: { $0.replicas > 0 }) ?? old.indices.last else { return }
            return setOldReplicas(index, fields.replicas)
        }
        if let new, isSaturated(new) {
            for index in old.indices { setOldReplicas(index, 0) }
            return
        }
        if !fields.isRecreate { scaleProportionally() }
    }

    private func isSaturated(_ set: Working) -> Bool {
        set.replicas == fields.replicas && set.counts.available == fields.replicas
            && set.annotations[WherryLabels.desiredReplicas] == String(fields.replicas)
    }

    /// During a rollout the change is spread over the ReplicaSets by their size; what rounding leaves goes to the largest.
    private mutating func scaleProportionally() {
        var all = old.indices.map { old[$0] } + (new.map { [$0] } ?? [])
        let total = all.reduce(0) { $0 + $1.replicas }
        let allowed = fields.replicas > 0 ? fields.replicas + fields.maxSurge : 0
        let toAdd = allowed - total
        guard total > 0 else { return }
        let order = all.indices.filter { all[$0].replicas > 0 }.sorted { a, b in
            if all[a].replicas != all[b].replicas { return all[a].replicas > all[b].replicas }
            return toAdd > 0 ? all[a].created > all[b].created : all[a].created < all[b].created
        }
        var added = 0
        var targets: [Int: Int] = [:]
        for index in order where toAdd != 0 {
            let share = proportion(of: all[index], allowed: allowed, left: toAdd - added)
            targets[index] = all[index].replicas + share
            added += share
        }
        if let largest = order.first, let target = targets[largest] {
            targets[largest] = max(0, target + toAdd - added)
        }
        for (index, target) in targets { setReplicas(of: &all[index], target) }
        for index in order { annotateCounts(&all[index]) }
        for set in all {
            if set.name == new?.name { new = set }
            if let index = old.firstIndex(where: { $0.name == set.name }) { old[index] = set }
        }
    }

    private func proportion(of set: Working, allowed: Int, left: Int) -> Int {
        guard left != 0, set.replicas > 0 else { return 0 }
        let former = set.annotations[WherryLabels.maxReplicas].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        let base = former ?? max(1, fields.replicas)
        let target = (Double(set.replicas * allowed) / Double(base)).rounded()
        let share = Int(target) - set.replicas
        return left > 0 ? min(max(share, 0), left) : max(min(share, 0), left)
    }
}
