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
        (pod.spec.tolerations ?? []).contains { toleration in
            if let effect = toleration.effect, !effect.isEmpty, effect != taint.effect { return false }
            guard let key = toleration.key, !key.isEmpty else { return toleration.operator == "Exists" }
            guard key == taint.key else { return false }
            return toleration.operator == "Exists" || (toleration.value ?? "") == (taint.value ?? "")
        }
    }
}
