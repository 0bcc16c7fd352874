import Resources

/// Whether a pod may run on this node, in the words of Kubernetes' scheduler.
enum Scheduling {
    /// Why not; nil when it may.
    static func obstacle(_ pod: Pod, on node: Node) -> String? {
        let prefix = "0/1 nodes are available: "
        if !NodeConditions(pod.spec).hold(name: node.metadata.name, labels: node.metadata.labels ?? [:]) {
            return prefix + "1 node(s) didn't match Pod's node affinity/selector."
        }
        if node.spec?.unschedulable == true,
            !tolerates(pod, Taint(key: "node.kubernetes.io/unschedulable", effect: "NoSchedule"))
        {
            return prefix + "1 node(s) were unschedulable."
        }
        for taint in node.spec?.taints ?? [] where taint.effect != "PreferNoSchedule" && !tolerates(pod, taint) {
            return prefix + "1 node(s) had untolerated taint {\(taint.key): \(taint.value ?? "")}."
        }
        return nil
    }

    private static func tolerates(_ pod: Pod, _ taint: Taint) -> Bool {
        (pod.spec.tolerations ?? []).contains { $0.tolerates(taint) }
    }

    /// How long the pod may stay when the node has these taints, by the first toleration that fits each of them.
    static func tolerance(of pod: Pod, to taints: [Taint]) -> TaintTolerance {
        var shortest: Int?
        for taint in taints where taint.effect == "NoExecute" {
            guard let toleration = pod.spec.tolerations?.first(where: { $0.tolerates(taint) }) else {
                return .limited(.zero)
            }
            if let seconds = toleration.tolerationSeconds { shortest = min(shortest ?? seconds, seconds) }
        }
        // Seventy years are enough for a timer.
        return shortest.map { .limited(.seconds(min(max(0, $0), Int(Int32.max)))) } ?? .forever
    }
}

/// How long a pod may stay on a node with taints of the effect `NoExecute`.
enum TaintTolerance: Sendable, Hashable { case forever, limited(Duration) }

extension Toleration {
    fileprivate func tolerates(_ taint: Taint) -> Bool {
        if let effect, !effect.isEmpty, effect != taint.effect { return false }
        guard let key, !key.isEmpty else { return self.operator == "Exists" }
        guard key == taint.key else { return false }
        return self.operator == "Exists" || (value ?? "") == (taint.value ?? "")
    }
}
