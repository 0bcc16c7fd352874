import Resources

/// What a pod can learn about itself and its node through the downward API.
struct PodFacts: Sendable, Hashable {
    var nodeName: String
    var hostIP: String
    /// Nil for a pod in a network of its own that has no address yet.
    var podIP: String?

    /// The value of a `fieldRef`; nil for a path that isn't known.
    func value(of path: String, in pod: Pod) -> String? {
        switch path {
        case "metadata.name": return pod.metadata.name
        case "metadata.namespace": return pod.metadata.namespace ?? ""
        case "metadata.uid": return pod.metadata.uid ?? ""
        case "metadata.labels": return Self.lines(pod.metadata.labels ?? [:])
        case "metadata.annotations": return Self.lines(pod.metadata.annotations ?? [:])
        case "spec.nodeName": return nodeName
        case "spec.serviceAccountName": return pod.spec.serviceAccountName ?? "default"
        case "status.hostIP", "status.hostIPs": return hostIP
        case "status.podIP", "status.podIPs": return podIP ?? "127.0.0.1"
        default: break
        }
        for (prefix, values) in [
            ("metadata.labels['", pod.metadata.labels), ("metadata.annotations['", pod.metadata.annotations),
        ] where path.hasPrefix(prefix) && path.hasSuffix("']") {
            return values?[String(path.dropFirst(prefix.count).dropLast(2))] ?? ""
        }
        return nil
    }

    private static func lines(_ values: [String: String]) -> String {
        values.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: "\n")
    }
}
