import JSON

extension Secret: AdmittedObject {
    private static let requiredKeys = [
        "kubernetes.io/tls": ["tls.crt", "tls.key"],
        "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
        "kubernetes.io/dockercfg": [".dockercfg"],
        "kubernetes.io/ssh-auth": ["ssh-privatekey"],
    ]

    /// Names of all values.
    public var keys: [String] { (data ?? [:]).keys.sorted() }

    /// A value, decoded; nil when there is none.
    public func bytes(forKey key: String) -> [UInt8]? { data?[key].flatMap(Base64.decode) }

    func checkEncoding() throws(StatusError) { try StoredData.checkBase64(data ?? [:], type: .secret) }

    mutating func setDefaults() {
        if type?.isEmpty ?? true { type = "Opaque" }
        guard let texts = stringData else { return }
        data = (data ?? [:]).merging(texts.mapValues { Base64.encode($0.utf8) }) { $1 }
        stringData = nil
    }

    func validate(into errors: inout FieldErrors) {
        let data = data ?? [:]
        StoredData.validate(keys: data.keys, "data", into: &errors)
        let size = data.values.reduce(0) { $0 + StoredData.byteCount(ofBase64: $1) }
        if size > StoredData.maxBytes { errors.tooLong("data", maxBytes: StoredData.maxBytes) }
        for key in Self.requiredKeys[type ?? ""] ?? [] where data[key] == nil {
            errors.required("data[\(key)]")
        }
        // One of the two is enough, and it may be empty.
        if type == "kubernetes.io/basic-auth", data["username"] == nil, data["password"] == nil {
            for key in ["username", "password"] { errors.required("data[\(key)]") }
        }
    }

    func validateUpdate(old: Secret, into errors: inout FieldErrors) {
        errors.notChanged("type", type == old.type, .string(type ?? ""))
        guard old.immutable == true else { return }
        if immutable != true { errors.forbidden("immutable", "field is immutable when `immutable` is set") }
        if data != old.data { errors.forbidden("data", "field is immutable when `immutable` is set") }
    }
}
