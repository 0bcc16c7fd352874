import JSON

/// Rules that ConfigMap and Secret share.
enum StoredData {
    /// Kubernetes' limit for all values of an object together.
    static let maxBytes = 1 << 20

    static func validate(keys: some Sequence<String>, _ field: String, into errors: inout FieldErrors) {
        for key in keys.sorted() {
            if let fault = NameRules.dataKey(key) { errors.invalid("\(field)[\(key)]", key, fault) }
        }
    }

    static func checkBase64(_ data: [String: String], type: ResourceType) throws(StatusError) {
        for (_, text) in data.sorted(by: { $0.key < $1.key }) {
            if case .fault(let offset) = Base64.decoding(text) {
                throw StructureCheck.cannotBeHandled(type, "illegal base64 data at input byte \(offset)")
            }
        }
    }

    static func byteCount(ofBase64 text: String) -> Int { text.utf8.count / 4 * 3 }
}

extension ConfigMap: AdmittedObject {
    /// Names of all values.
    public var keys: [String] { (Array((data ?? [:]).keys) + Array((binaryData ?? [:]).keys)).sorted() }

    /// A value, decoded; nil when there is none.
    public func bytes(forKey key: String) -> [UInt8]? {
        data?[key].map { Array($0.utf8) } ?? binaryData?[key].flatMap(Base64.decode)
    }

    func checkEncoding() throws(StatusError) {
        try StoredData.checkBase64(binaryData ?? [:], type: .configMap)
    }

    func validate(into errors: inout FieldErrors) {
        let data = data ?? [:]
        let binaryData = binaryData ?? [:]
        StoredData.validate(keys: data.keys, "data", into: &errors)
        StoredData.validate(keys: binaryData.keys, "binaryData", into: &errors)
        for key in data.keys.sorted() where binaryData[key] != nil {
            errors.invalid("data[\(key)]", key, "duplicate of key present in binaryData")
        }
        let size =
            data.values.reduce(0) { $0 + $1.utf8.count }
            + binaryData.values.reduce(0) { $0 + StoredData.byteCount(ofBase64: $1) }
        if size > StoredData.maxBytes { errors.tooLong("", maxBytes: StoredData.maxBytes) }
    }

    func validateUpdate(old: ConfigMap, into errors: inout FieldErrors) {
        guard old.immutable == true else { return }
        if immutable != true { errors.forbidden("immutable", "field is immutable when `immutable` is set") }
        if data != old.data { errors.forbidden("data", "field is immutable when `immutable` is set") }
        if binaryData != old.binaryData {
            errors.forbidden("binaryData", "field is immutable when `immutable` is set")
        }
    }
}
