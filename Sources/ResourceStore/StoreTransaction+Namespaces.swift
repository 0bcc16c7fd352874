internal import JSON
internal import Resources

extension StoreTransaction {
    /// Makes what each namespace has: the account `default` and, on a device, the certificates of its API. Writes nothing when it
    /// is there.
    public func furnish(namespace: String) throws {
        let account = Resource(
            value: ["metadata": ["name": .string(PodIdentity.defaultAccount), "namespace": .string(namespace)]],
            type: .serviceAccount)
        if try find(account.key) == nil { try create(account) }
        guard let cluster = state.cluster else { return }
        let data: JSONValue = ["ca.crt": .string(cluster.rootCertificates)]
        let certificates = Resource(
            value: [
                "metadata": [
                    "name": .string(PodIdentity.rootCertificates), "namespace": .string(namespace),
                    "annotations": ["kubernetes.io/description": .string(Self.certificatesDescription)],
                ], "data": data,
            ], type: .configMap)
        guard let present = try find(certificates.key) else {
            try create(certificates)
            return
        }
        if present.value["data"] != data { try update(certificates.key) { $0.value["data"] = data } }
    }

    private static let certificatesDescription =
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal "
        + "service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."

    /// Gives a new pod its account and the way to its token.
    /// - Throws: 403 in kube-apiserver's words for an account that does not exist.
    func identify(_ pod: Resource) throws -> Resource {
        let namespace = pod.namespace ?? ""
        let name = PodIdentity.account(of: pod)
        guard let account = try find(ResourceKey(type: .serviceAccount, namespace: namespace, name: name)) else {
            throw StatusError.forbidden(
                pod.key,
                "error looking up service account \(namespace)/\(name): serviceaccount \"\(name)\" not found")
        }
        var identified = pod
        PodIdentity.apply(account, to: &identified) { state.environment.makeSuffix() }
        return identified
    }
}
