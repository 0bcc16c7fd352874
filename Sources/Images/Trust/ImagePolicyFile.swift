internal import JSON
internal import Linux
internal import OCI

/// Reads `image-policy.json` and the keys it names. Strict: what is not understood breaks the policy, because a rule
/// that is skipped could be the one that refuses.
struct ImagePolicyFile: Sendable {
    static let name = "image-policy.json"

    let path: String

    init(directory: String) { path = directory + "/" + Self.name }

    /// The policy; nil when there is no file.
    /// - Throws: ``ImageError`` with code `policyBroken`.
    func load() throws(ImageError) -> ImagePolicy? {
        let bytes: [UInt8]
        do {
            guard Files.exists(path) else { return nil }
            bytes = try Files.read(path, limit: 1 << 20)
        } catch {
            throw ImageError(.policyBroken, "image policy \(path) cannot be read: \(error.errno)", cause: error)
        }
        do {
            var reader = Reader(path: path, directory: Files.directory(of: path))
            return try reader.policy(bytes)
        } catch {
            let error = ImageError(wrapping: error)
            throw ImageError(
                .policyBroken, "image policy \(path) is broken: \(error.message); repair it to admit new images",
                cause: error)
        }
    }

    private struct Reader {
        let path: String
        let directory: String
        /// The file's digest and that of each key, in order.
        private var material: [Digest] = []

        init(path: String, directory: String) {
            self.path = path
            self.directory = directory
        }

        mutating func policy(_ bytes: [UInt8]) throws -> ImagePolicy {
            material.append(ContentHasher.digest(of: bytes))
            let json: JSONValue
            do {
                json = try JSONValue(parsing: bytes)
            } catch {
                throw Self.broken("it is not JSON: \(error)")
            }
            let document = try Fields(json, "the policy", ["default", "transports"])
            guard let value = document["default"] else { throw Self.broken("it has no \"default\"") }
            let defaults = try requirements(value, "default")
            var scopes: [String: [ImagePolicy.Requirement]] = [:]
            for (transport, value) in try document.object("transports") ?? [:] {
                let location = "transports.\(transport)"
                guard let rules = value.objectValue else { throw Self.broken("\(location) is not an object") }
                for (scope, value) in rules.sorted(by: { $0.key < $1.key }) {
                    let parsed = try requirements(value, "\(location)[\"\(scope)\"]")
                    if transport == "docker" {
                        try Self.check(scope)
                        scopes[scope] = parsed
                    } else if parsed.contains(where: { if case .accept = $0 { false } else { true } }) {
                        // Leaving out a rule that accepts can only be stricter.
                        throw Self.broken(
                            "\(location) refuses something, but images are judged by their names here, whatever they come "
                                + "from: put the rule under transports.docker")
                    }
                }
            }
            let fingerprint = ContentHasher.digest(of: Array(material.map(\.hex).joined().utf8))
            return ImagePolicy(path: path, fingerprint: fingerprint, defaults: defaults, scopes: scopes)
        }

        /// A scope without a registry would silently fit nothing.
        private static func check(_ scope: String) throws {
            if scope.isEmpty { return }
            let host = String(scope.prefix { $0 != "/" })
            let isWildcard = scope.hasPrefix("*.") && scope.utf8.count > 2 && !scope.contains("/")
            guard isWildcard || host == "localhost" || host.contains(".") || host.contains(":") else {
                throw broken(
                    "scope \"\(scope)\" does not begin with a registry; Docker Hub's names are written "
                        + "docker.io/library/busybox")
            }
        }

        private mutating func requirements(_ value: JSONValue, _ place: String) throws -> [ImagePolicy.Requirement] {
            guard let list = value.arrayValue, !list.isEmpty else {
                throw Self.broken("\(place) is not a list of at least one requirement")
            }
            var result: [ImagePolicy.Requirement] = []
            for (index, value) in list.enumerated() { result.append(try requirement(value, "\(place)[\(index)]")) }
            return result
        }

        private mutating func requirement(_ value: JSONValue, _ place: String) throws -> ImagePolicy.Requirement {
            switch value["type"]?.stringValue {
            case "insecureAcceptAnything":
                _ = try Fields(value, place, ["type"])
                return .accept
            case "reject":
                _ = try Fields(value, place, ["type"])
                return .reject
            case "sigstoreSigned": return .signed(try signed(value, place))
            case "signedBy":
                throw Self.broken(
                    "\(place) asks for GPG signatures (signedBy), which are not supported; use sigstoreSigned with a "
                        + "public key")
            case let other:
                throw Self.broken(
                    "\(place) has type \"\(other ?? "")\"; known are insecureAcceptAnything, reject and sigstoreSigned")
            }
        }

        // MARK: Keys

        private mutating func signed(_ value: JSONValue, _ place: String) throws -> SignatureRequirement {
            let fields = try Fields(
                value, place,
                ["type", "keyPath", "keyPaths", "keyData", "keyDatas", "keys", "signedIdentity"],
                remedies: [
                    "fulcio": "needs the network at every check", "rekorPublicKeyPath": "needs a transparency log",
                    "rekorPublicKeyData": "needs a transparency log",
                    "pki": "certificates are not supported, list their keys",
                ])
            var keys: [TrustedKey] = []
            if let path = try fields.string("keyPath") { keys.append(try key(path: path)) }
            for path in try fields.strings("keyPaths") { keys.append(try key(path: path)) }
            if let data = try fields.string("keyData") { keys.append(try key(data: data, "\(place).keyData")) }
            for (index, data) in try fields.strings("keyDatas").enumerated() {
                keys.append(try key(data: data, "\(place).keyDatas[\(index)]"))
            }
            for (index, entry) in (try fields.array("keys") ?? []).enumerated() {
                keys.append(try key(entry, "\(place).keys[\(index)]"))
            }
            guard !keys.isEmpty else { throw Self.broken("\(place) names no key: give keyPath, keyData or keys") }
            return SignatureRequirement(
                keys: keys, identity: try fields["signedIdentity"].map { try identity($0, place) })
        }

        /// A key with the time in which it admits images.
        private mutating func key(_ value: JSONValue, _ place: String) throws -> TrustedKey {
            let fields = try Fields(value, place, ["keyPath", "keyData", "notBefore", "notAfter"])
            let start = try fields.date("notBefore")
            let end = try fields.date("notAfter")
            guard (start ?? .min) <= (end ?? .max) else { throw Self.broken("\(place) ends before it begins") }
            let validity = start == nil && end == nil ? nil : (start ?? .min)...(end ?? .max)
            switch (try fields.string("keyPath"), try fields.string("keyData")) {
            case (let path?, nil): return try key(path: path, validity: validity)
            case (nil, let data?): return try key(data: data, place, validity: validity)
            default: throw Self.broken("\(place) must have one of keyPath and keyData")
            }
        }

        private mutating func key(path: String, validity: ClosedRange<Int64>? = nil) throws -> TrustedKey {
            let file = path.hasPrefix("/") ? path : directory + "/" + path
            let bytes: [UInt8]
            do { bytes = try Files.read(file, limit: 64 << 10) } catch {
                throw Self.broken("key \(file) cannot be read: \(error.errno)")
            }
            return try key(pem: bytes, name: file, validity)
        }

        private mutating func key(data: String, _ place: String, validity: ClosedRange<Int64>? = nil) throws
            -> TrustedKey
        {
            guard let bytes = Base64.decode(data) else { throw Self.broken("\(place) is not base64 of a PEM key") }
            return try key(pem: bytes, name: place, validity)
        }

        private mutating func key(pem: [UInt8], name: String, _ validity: ClosedRange<Int64>?) throws -> TrustedKey {
            material.append(ContentHasher.digest(of: pem))
            return try TrustedKey(pem: String(decoding: pem, as: UTF8.self), name: name, validity: validity)
        }

        // MARK: Identity

        private func identity(_ value: JSONValue, _ place: String) throws -> SignedIdentity {
            let place = place + ".signedIdentity"
            let fields = try Fields(
                value, place, ["type", "dockerReference", "dockerRepository", "prefix", "signedPrefix"])
            switch try fields.string("type") {
            case "matchRepository": return .matchRepository
            case "matchExact", "matchRepoDigestOrExact": return .matchExact
            case "exactReference": return .exactReference(try fields.reference("dockerReference"))
            case "exactRepository": return .exactRepository(try fields.reference("dockerRepository"))
            case "remapIdentity":
                guard let prefix = try fields.string("prefix"), let signed = try fields.string("signedPrefix") else {
                    throw Self.broken("\(place) must have prefix and signedPrefix")
                }
                return .remap(prefix: prefix, signedPrefix: signed)
            case let other:
                throw Self.broken(
                    "\(place) has type \"\(other ?? "")\"; known are matchRepository, matchExact, matchRepoDigestOrExact, "
                        + "exactReference, exactRepository and remapIdentity")
            }
        }

        private static func broken(_ message: String) -> ImageError { ImageError(.policyBroken, message) }
    }
}

/// The members of an object of the policy, all of which must be known.
private struct Fields {
    private let values: [String: JSONValue]
    private let place: String

    init(_ value: JSONValue, _ place: String, _ known: Set<String>, remedies: [String: String] = [:]) throws {
        guard let values = value.objectValue else { throw ImageError(.policyBroken, "\(place) is not an object") }
        if let unknown = values.keys.sorted().first(where: { !known.contains($0) }) {
            let why = remedies[unknown].map { ": \($0)" } ?? ""
            throw ImageError(.policyBroken, "\(place) has the unknown member \"\(unknown)\"\(why)")
        }
        self.values = values
        self.place = place
    }

    subscript(name: String) -> JSONValue? { values[name] }

    func string(_ name: String) throws -> String? {
        try values[name].map { value in
            guard let text = value.stringValue, !text.isEmpty else { throw wrong(name, "a string") }
            return text
        }
    }

    func array(_ name: String) throws -> [JSONValue]? {
        try values[name].map { value in
            guard let list = value.arrayValue else { throw wrong(name, "a list") }
            return list
        }
    }

    func object(_ name: String) throws -> [String: JSONValue]? {
        try values[name].map { value in
            guard let object = value.objectValue else { throw wrong(name, "an object") }
            return object
        }
    }

    func strings(_ name: String) throws -> [String] {
        try (array(name) ?? []).map { value in
            guard let text = value.stringValue, !text.isEmpty else { throw wrong(name, "a list of strings") }
            return text
        }
    }

    func date(_ name: String) throws -> Int64? {
        try string(name).map { text in
            guard let date = RFC3339.parse(text) else { throw wrong(name, "a date such as 2027-01-31T00:00:00Z") }
            return date.seconds
        }
    }

    func reference(_ name: String) throws -> ImageReference {
        guard let text = try string(name) else { throw wrong(name, "an image name") }
        return try ImageReference(parsing: text)
    }

    private func wrong(_ name: String, _ wanted: String) -> ImageError {
        ImageError(.policyBroken, "\(place).\(name) is not \(wanted)")
    }
}
