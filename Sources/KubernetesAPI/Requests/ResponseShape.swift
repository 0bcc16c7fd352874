import Resources

/// In which form a client wants objects, by its `Accept` header.
enum ResponseShape: Hashable, Sendable {
    /// The objects themselves.
    case objects
    /// `meta.k8s.io` Table, as `kubectl get` prints.
    case table(version: String)
    /// Only the metadata of the objects.
    case partialMetadata(version: String)

    /// The first media type that can be served; clients list them by preference.
    ///
    /// - Throws: 406 when there is none.
    init(accept: String?) throws(StatusError) {
        guard let accept, !accept.isEmpty else {
            self = .objects
            return
        }
        for range in accept.split(separator: ",") {
            if let shape = Self(mediaRange: MediaType(range)) {
                self = shape
                return
            }
        }
        throw .notAcceptable(accepted: ["application/json"])
    }

    private init?(mediaRange: MediaType) {
        guard ["application/json", "application/*", "*/*"].contains(mediaRange.name) else { return nil }
        let version = mediaRange.parameters["v"] ?? ""
        switch mediaRange.parameters["as"] {
        case nil:
            self = .objects
        case "Table" where mediaRange.parameters["g"] == "meta.k8s.io" && ["v1", "v1beta1"].contains(version):
            self = .table(version: version)
        case "PartialObjectMetadata" where ["v1", "v1beta1"].contains(version),
            "PartialObjectMetadataList" where ["v1", "v1beta1"].contains(version):
            self = .partialMetadata(version: version)
        default:
            return nil
        }
    }
}

/// A media type with its parameters, as in `Accept` and `Content-Type`.
struct MediaType: Sendable {
    /// Lower case, as `application/json`.
    let name: String
    let parameters: [String: String]

    init(_ text: some StringProtocol) {
        let parts = text.split(separator: ";")
        name = Self.trimmed(parts.first.map { String($0) } ?? "").lowercased()
        var parameters: [String: String] = [:]
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { continue }
            parameters[Self.trimmed(String(pair[0])).lowercased()] = Self.trimmed(String(pair[1]))
        }
        self.parameters = parameters
    }

    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while let first = text.first, first == " " || first == "\t" || first == "\"" { text = text.dropFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\"" { text = text.dropLast() }
        return String(text)
    }
}
