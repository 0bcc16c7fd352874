public import JSON
internal import Linux

/// Where images come from and how: `registries.yaml` in the form that k3s reads, and what a link may carry.
public struct RegistryConfiguration: Sendable, Hashable {
    /// Where to look before a registry itself.
    public struct Mirror: Sendable, Hashable {
        /// Addresses in the order in which they are asked: `https://host[:port][/v2/prefix]`.
        public var endpoints: [String] = []
        /// Rewrites of the repository for these endpoints, by extended regular expression.
        public var rewrites: [Rewrite] = []
    }

    public struct Rewrite: Sendable, Hashable {
        public var pattern: String
        /// `$1` to `$9` stand for the groups of the pattern.
        public var replacement: String
    }

    /// How one host is spoken to.
    public struct Access: Sendable, Hashable {
        public var credentials: RegistryCredentials?
        public var trust = RegistryTrust()

        public init() {}
    }

    public struct Limits: Sendable, Hashable {
        /// Of all pulls together.
        public var bytesPerSecond: Int64?
        /// Of a day and of a month in UTC.
        public var bytesPerDay: Int64?
        public var bytesPerMonth: Int64?
        /// Layers fetched at once; nil is three, or one where memory is short.
        public var parallelLayers: Int?
        /// A transfer without a byte for so long is begun anew.
        public var stallSeconds: Int64 = 30
    }

    /// By the host of an image's name (`docker.io`, `ghcr.io`, `host:port`); `*` is every host without an entry.
    public var mirrors: [String: Mirror] = [:]
    /// By `host[:port]` of a registry or mirror.
    public var access: [String: Access] = [:]
    public var limits = Limits()

    public init() {}

    /// Reads the document of `registries.yaml`; empty and missing ones are the default.
    /// - Throws: ``ImageError`` with code `invalidConfiguration`, which names the field.
    public init(_ document: JSONValue) throws(ImageError) {
        if document.isNull { return }
        let root = try ConfigurationField(document).members(["mirrors", "configs", "limits"])
        for (host, field) in try root["mirrors"]?.members() ?? [:] { mirrors[host] = try Mirror(field) }
        for (host, field) in try root["configs"]?.members() ?? [:] { access[host] = try Access(field) }
        if let field = root["limits"] { limits = try Limits(field) }
    }
}

extension RegistryConfiguration.Mirror {
    fileprivate init(_ field: ConfigurationField) throws(ImageError) {
        let members = try field.members(["endpoint", "rewrite"])
        for endpoint in try members["endpoint"]?.elements() ?? [] {
            let text = try endpoint.text()
            guard RegistryEndpoint.address(of: text) != nil else {
                throw endpoint.problem("\"\(text)\" is no address like https://host:port")
            }
            endpoints.append(text)
        }
        for (pattern, field) in (try members["rewrite"]?.members() ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard RepositoryPattern(pattern) != nil else {
                throw field.problem("\"\(pattern)\" is no POSIX extended regular expression")
            }
            rewrites.append(.init(pattern: pattern, replacement: try field.text()))
        }
    }
}

extension RegistryConfiguration.Access {
    fileprivate init(_ field: ConfigurationField) throws(ImageError) {
        let members = try field.members(["auth", "tls"])
        if let auth = members["auth"] { credentials = try Self.credentials(auth) }
        guard let tls = try members["tls"]?.members(["ca_file", "cert_file", "key_file", "insecure_skip_verify"]) else {
            return
        }
        trust.authorityFile = try tls["ca_file"]?.path()
        trust.certificateFile = try tls["cert_file"]?.path()
        trust.keyFile = try tls["key_file"]?.path()
        trust.acceptsAnyCertificate = try tls["insecure_skip_verify"]?.flag() ?? false
        guard (trust.certificateFile == nil) == (trust.keyFile == nil) else {
            throw (members["tls"] ?? field).problem("cert_file and key_file go together")
        }
    }

    private static func credentials(_ field: ConfigurationField) throws(ImageError) -> RegistryCredentials {
        let auth = try field.members(["username", "password", "auth", "identity_token"])
        let token = try auth["identity_token"]?.text()
        if let encoded = auth["auth"] {
            let parts = Base64.decode(try encoded.text())
                .map { String(decoding: $0, as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init) }
            guard let parts, parts.count == 2 else { throw encoded.problem("it is not USER:PASSWORD in base64") }
            return RegistryCredentials(username: parts[0], password: parts[1], identityToken: token)
        }
        let user = try auth["username"]?.text() ?? ""
        guard !user.isEmpty || token != nil else { throw field.problem("it names no username") }
        return RegistryCredentials(
            username: user, password: try auth["password"]?.text() ?? "", identityToken: token)
    }
}

extension RegistryConfiguration.Limits {
    fileprivate init(_ field: ConfigurationField) throws(ImageError) {
        let members = try field.members([
            "bytesPerSecond", "bytesPerDay", "bytesPerMonth", "parallelLayers", "stallSeconds",
        ])
        bytesPerSecond = try members["bytesPerSecond"]?.bytes()
        bytesPerDay = try members["bytesPerDay"]?.bytes()
        bytesPerMonth = try members["bytesPerMonth"]?.bytes()
        parallelLayers = try members["parallelLayers"].map { field throws(ImageError) in
            Int(try field.integer(1...16))
        }
        stallSeconds = try members["stallSeconds"]?.integer(1...3600) ?? 30
    }
}

/// A value of the document and where it stands, for messages.
private struct ConfigurationField {
    let value: JSONValue
    let name: String

    init(_ value: JSONValue, _ name: String = "") {
        self.value = value
        self.name = name
    }

    func problem(_ text: String) -> ImageError {
        ImageError(.invalidConfiguration, name.isEmpty ? text : "\(name): \(text)")
    }

    /// The members of a map; with `known`, others are refused, so that a slip of the pen is not an absent setting.
    func members(_ known: Set<String>? = nil) throws(ImageError) -> [String: ConfigurationField] {
        if value.isNull { return [:] }
        guard let members = value.objectValue else { throw problem("expected a map, found a \(value.typeName)") }
        if let known, let other = members.keys.filter({ !known.contains($0) }).min() {
            throw problem("unknown field \"\(other)\"; there are: \(known.sorted().joined(separator: ", "))")
        }
        var fields: [String: ConfigurationField] = [:]
        for (key, value) in members {
            fields[key] = ConfigurationField(
                value, name.isEmpty ? key : key.contains(".") ? "\(name)[\(key)]" : "\(name).\(key)")
        }
        return fields
    }

    func elements() throws(ImageError) -> [ConfigurationField] {
        if value.isNull { return [] }
        guard let elements = value.arrayValue else { throw problem("expected a list, found a \(value.typeName)") }
        return elements.enumerated().map { ConfigurationField($1, "\(name)[\($0)]") }
    }

    func text() throws(ImageError) -> String {
        guard let text = value.stringValue else {
            throw problem("expected a text, found a \(value.typeName); put it in quotes")
        }
        return text
    }

    func path() throws(ImageError) -> String {
        let path = try text()
        guard path.hasPrefix("/") else { throw problem("\"\(path)\" is not an absolute path") }
        return path
    }

    func flag() throws(ImageError) -> Bool {
        guard let flag = value.boolValue else { throw problem("expected true or false, found a \(value.typeName)") }
        return flag
    }

    func integer(_ range: ClosedRange<Int64>) throws(ImageError) -> Int64 {
        guard let number = value.intValue.map(Int64.init), range.contains(number) else {
            throw problem("expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Bytes as a number or as a Kubernetes quantity: `500Mi`, `2G`, `64k`.
    func bytes() throws(ImageError) -> Int64 {
        if let number = value.intValue.map(Int64.init), number > 0 { return number }
        let units: [String: Int64] = [
            "": 1, "k": 1000, "M": 1_000_000, "G": 1_000_000_000, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30,
        ]
        let text = value.stringValue ?? ""
        let digits = text.prefix { $0.isNumber }
        guard let number = Int64(digits), number > 0, let unit = units[String(text.dropFirst(digits.count))] else {
            throw problem("expected bytes such as 500000, 500k or 500Mi")
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        guard !overflow else { throw problem("\(text) is too much") }
        return bytes
    }
}
