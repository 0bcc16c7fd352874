public import JSON

/// What the admission plugin `ServiceAccount` adds to a new pod: its account, and the volume with the token, the certificates and the
/// name of its namespace.
public enum PodIdentity {
    public static let defaultAccount = "default"
    /// The ConfigMap of each namespace with the certificates that pods know this API by.
    public static let rootCertificates = "kube-root-ca.crt"
    static let volumePrefix = "kube-api-access-"
    static let mountPath = "/var/run/secrets/kubernetes.io/serviceaccount"
    /// An hour, and a little by which such tokens are known.
    static let tokenSeconds: Int64 = 3607

    /// The account that a pod names; `serviceAccount` is the field's old name.
    public static func account(of pod: Resource) -> String { account(inSpec: pod.value["spec"]) }

    /// The same for the specification alone, of a pod or of a template.
    public static func account(inSpec spec: JSONValue?) -> String {
        for field in ["serviceAccountName", "serviceAccount"] {
            if let name = spec?[field]?.stringValue, !name.isEmpty { return name }
        }
        return defaultAccount
    }

    /// - Parameter suffix: five random letters for the volume's name.
    public static func apply(_ account: Resource, to pod: inout Resource, suffix: () -> String) {
        var spec = pod.value["spec"] ?? [:]
        spec["serviceAccountName"] = .string(account.name)
        spec["serviceAccount"] = .string(account.name)
        let isWanted =
            spec["automountServiceAccountToken"]?.boolValue ?? account.value["automountServiceAccountToken"]?.boolValue
        if isWanted ?? true { mountToken(&spec, suffix) }
        if spec.list("imagePullSecrets").isEmpty, !account.value.list("imagePullSecrets").isEmpty {
            spec["imagePullSecrets"] = account.value["imagePullSecrets"]
        }
        pod.value["spec"] = spec
    }

    private static func mountToken(_ spec: inout JSONValue, _ suffix: () -> String) {
        let present = spec.list("volumes").map { $0.text("name") }.first { $0.hasPrefix(volumePrefix) }
        let name = present ?? volumePrefix + suffix()
        var isNeeded = false
        for list in ["initContainers", "containers"] {
            spec.changeEach(list) { container in
                // A mount of the user's at that path keeps the token away.
                guard !container.list("volumeMounts").contains(where: { $0.text("mountPath") == mountPath }) else {
                    return
                }
                let mount: JSONValue = ["name": .string(name), "readOnly": true, "mountPath": .string(mountPath)]
                container["volumeMounts"] = .array(container.list("volumeMounts") + [mount])
                isNeeded = true
            }
        }
        guard present == nil, isNeeded else { return }
        spec["volumes"] = .array(spec.list("volumes") + [volume(name)])
    }

    private static func volume(_ name: String) -> JSONValue {
        let token: JSONValue = ["expirationSeconds": .integer(tokenSeconds), "path": "token"]
        let certificates: JSONValue = [
            "name": .string(rootCertificates), "items": [["key": "ca.crt", "path": "ca.crt"]],
        ]
        let namespace: JSONValue = [
            "path": "namespace", "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"],
        ]
        return [
            "name": .string(name),
            "projected": [
                "defaultMode": .integer(Int64(Volume.defaultFileMode)),
                "sources": [
                    ["serviceAccountToken": token], ["configMap": certificates],
                    ["downwardAPI": ["items": [namespace]]],
                ],
            ],
        ]
    }

    /// Gives a pod's new version from elsewhere what was added to the old one here, so that nothing seems to have changed.
    public static func carry(from old: Resource, to new: inout Resource) {
        guard let before = old.value["spec"], var spec = new.value["spec"] else { return }
        if spec.text("serviceAccountName").isEmpty, spec.text("serviceAccount").isEmpty {
            for field in ["serviceAccountName", "serviceAccount"] { spec[field] = before[field] }
        }
        for field in ["imagePullSecrets", "ephemeralContainers"] where spec.list(field).isEmpty {
            spec[field] = before[field]
        }
        let names = Set(spec.list("volumes").map { $0.text("name") })
        let added = before.list("volumes").filter {
            $0.text("name").hasPrefix(volumePrefix) && !names.contains($0.text("name"))
        }
        if !added.isEmpty { spec["volumes"] = .array(spec.list("volumes") + added) }
        for list in ["initContainers", "containers"] { carryMounts(list, from: before, to: &spec, of: added) }
        new.value["spec"] = spec
    }

    private static func carryMounts(
        _ list: String, from old: JSONValue, to spec: inout JSONValue, of volumes: [JSONValue]
    ) {
        let names = Set(volumes.map { $0.text("name") })
        spec.changeEach(list) { container in
            let name = container.text("name")
            let mounts = old.list(list).first { $0.text("name") == name }?.list("volumeMounts") ?? []
            let added = mounts.filter { names.contains($0.text("name")) }
            if !added.isEmpty { container["volumeMounts"] = .array(container.list("volumeMounts") + added) }
        }
    }
}
