/// How a strategic-merge patch treats a field: what Kubernetes keeps in the struct tags `patchStrategy` and
/// `patchMergeKey`. A list without a strategy is replaced as a whole.
struct MergeStrategy: Sendable {
    /// Whether lists are merged (by ``keys``, or as a set of plain values).
    var mergesList = true
    /// Only members named in `$retainKeys` stay.
    var retainsKeys = false
    /// Names an element of the list; the first one is the patch merge key, all together make it unique.
    var keys: [String] = []

    /// The value of `x-kubernetes-patch-strategy`.
    var openAPIName: String {
        [mergesList ? "merge" : nil, retainsKeys ? "retainKeys" : nil].compactMap { $0 }.joined(separator: ",")
    }
}
