internal import JSON
internal import Resources

/// A pod template as JSON, so that fields nobody here knows are carried along.
enum PodTemplate {
    /// Hash of the template for names and labels: FNV-1a over its canonical JSON, in Kubernetes' safe alphabet.
    static func hash(of template: JSONValue, collisions: Int) -> String {
        var hash: UInt32 = 0x811c_9dc5
        let salt = collisions > 0 ? Array(String(collisions).utf8) : []
        for byte in withoutHash(template).serialized() + salt { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        let alphabet = Array("bcdfghjklmnpqrstvwxz2456789".utf8)
        return String(decoding: String(hash).utf8.map { alphabet[Int($0) % alphabet.count] }, as: UTF8.self)
    }

    static func withoutHash(_ template: JSONValue) -> JSONValue {
        guard template[path: "metadata", "labels", WherryLabels.podTemplateHash] != nil else { return template }
        var plain = template
        plain[path: "metadata", "labels", WherryLabels.podTemplateHash] = nil
        return plain
    }

    /// Equal apart from the hash label.
    static func areEqual(_ a: JSONValue, _ b: JSONValue) -> Bool { withoutHash(a) == withoutHash(b) }

    static func labels(of template: JSONValue) -> [String: String] {
        template[path: "metadata", "labels"]?.objectValue?.compactMapValues(\.stringValue) ?? [:]
    }

    /// A pod of the template, owned by `owner`; its name is generated when it is stored.
    static func makePod(_ template: JSONValue, owner: Resource) -> JSONValue {
        var metadata: JSONValue = [
            "generateName": .string(owner.name + "-"), "namespace": .string(owner.namespace ?? "default"),
        ]
        for field in ["labels", "annotations", "finalizers"] {
            metadata[field] = template[path: "metadata", field]
        }
        metadata["ownerReferences"] = owner.asControllerOwner.json.map { [$0] }
        return ["apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] ?? [:]]
    }
}

extension OwnerReference {
    var json: JSONValue? { try? JSONValue(encoding: self) }
}
