internal import Linux
internal import OCI

/// One server that may have an image: the registry that its name says, or a mirror of it.
struct RegistryEndpoint: Sendable, Hashable {
    enum Scheme: Hashable { case https, http, either }

    /// `host[:port]`.
    let authority: String
    var scheme = Scheme.either
    /// What stands before the repository in a path; `/v2` unless a mirror's address says otherwise.
    var basePath = "/v2"
    var repository: String
    /// Tells a mirror of several registries which one is meant, as containerd does.
    var namespace: String?
    var credentials: RegistryCredentials?
    var trust = RegistryTrust()
    var isMirror = false

    /// The registry itself; Docker Hub's host is not the name in its references.
    init(originOf reference: ImageReference) {
        let isHub = reference.registry == ImageReference.defaultRegistry
        authority = isHub ? "registry-1.docker.io" : reference.registry
        repository = reference.repository
    }

    private init(mirror: WebAddress, of reference: ImageReference, _ rewrites: [RegistryConfiguration.Rewrite]) {
        let path = mirror.target.hasSuffix("/") ? String(mirror.target.dropLast()) : mirror.target
        authority = mirror.shortAuthority
        scheme = mirror.isSecure ? .https : .http
        basePath = path.isEmpty ? "/v2" : path
        repository = Self.rewritten(reference.repository, rewrites)
        namespace = reference.registry
        isMirror = true
    }

    /// All that are asked for an image, in order: its mirrors, then the registry.
    static func all(
        for reference: ImageReference, _ configuration: RegistryConfiguration, credentials: RegistryCredentials?,
        insecure: Bool?
    ) -> [RegistryEndpoint] {
        let mirror =
            names(of: reference.registry).lazy.compactMap { configuration.mirrors[$0] }.first
            ?? configuration.mirrors["*"]
        var origin = RegistryEndpoint(originOf: reference)
        var endpoints: [RegistryEndpoint] = []
        for text in mirror?.endpoints ?? [] {
            guard let address = address(of: text) else { continue }
            var endpoint = RegistryEndpoint(mirror: address, of: reference, mirror?.rewrites ?? [])
            // `myregistry: {endpoint: ["http://myregistry"]}` says how the registry itself is spoken to.
            if endpoint.authority == origin.authority, endpoint.basePath == "/v2",
                endpoint.repository == origin.repository
            {
                origin.scheme = endpoint.scheme
                continue
            }
            endpoint.take(configuration)
            endpoints.append(endpoint)
        }
        origin.take(configuration)
        origin.credentials = credentials ?? origin.credentials
        if insecure == true { origin.trust.acceptsAnyCertificate = true }
        return endpoints + [origin]
    }

    private mutating func take(_ configuration: RegistryConfiguration) {
        let names = isMirror ? [authority] : Self.names(of: namespace ?? authority)
        guard let access = names.lazy.compactMap({ configuration.access[$0] }).first else { return }
        credentials = access.credentials
        trust = access.trust
    }

    private static func names(of registry: String) -> [String] {
        let hub = [ImageReference.defaultRegistry, "registry-1.docker.io", "index.docker.io"]
        return hub.contains(registry) ? hub : [registry]
    }

    /// An endpoint as it is written in `registries.yaml`; without a scheme it is https.
    static func address(of text: String) -> WebAddress? {
        guard let address = WebAddress(text.contains("://") ? text : "https://" + text), !address.target.contains("?")
        else { return nil }
        return address
    }

    private static func rewritten(_ repository: String, _ rewrites: [RegistryConfiguration.Rewrite]) -> String {
        for rewrite in rewrites {
            if let result = RepositoryPattern(rewrite.pattern)?.replace(repository, by: rewrite.replacement) {
                return result
            }
        }
        return repository
    }
}

/// A POSIX extended regular expression over repository names.
final class RepositoryPattern {
    private var expression = regex_t()

    init?(_ pattern: String) {
        guard regcomp(&expression, pattern, REG_EXTENDED) == 0 else { return nil }
    }

    deinit { regfree(&expression) }

    /// The text with its first match replaced; nil when nothing matches.
    func replace(_ text: String, by replacement: String) -> String? {
        var groups = [regmatch_t](repeating: regmatch_t(), count: 10)
        guard regexec(&expression, text, groups.count, &groups, 0) == 0 else { return nil }
        let bytes = Array(text.utf8)
        func group(_ index: Int) -> ArraySlice<UInt8> {
            groups[index].rm_so < 0 ? [] : bytes[Int(groups[index].rm_so)..<Int(groups[index].rm_eo)]
        }
        var result = Array(bytes[..<Int(groups[0].rm_so)])
        var rest = Array(replacement.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "$"), let digit = rest.first,
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit)
            {
                rest.removeFirst()
                result += group(Int(digit - UInt8(ascii: "0")))
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result + bytes[Int(groups[0].rm_eo)...], as: UTF8.self)
    }
}
