/// The name of an image: registry, repository, and a tag or a digest, in Docker's normal form.
///
/// `busybox` means `docker.io/library/busybox:latest`. The grammar is that of the distribution project's
/// `reference` package; the whole name is at most 255 bytes.
public struct ImageReference: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Host and optional port, such as `docker.io` or `127.0.0.1:5000`.
    public let registry: String
    /// Path at the registry, such as `library/busybox`.
    public let repository: String
    /// The tag; `latest` when the text had neither tag nor digest, nil when it had a digest only.
    public let tag: String?
    /// The digest, which wins over the tag.
    public let digest: Digest?

    /// The registry of names without one.
    public static let defaultRegistry = "docker.io"

    /// Parses a name as users write it.
    /// - Throws: ``OCIError`` with code `invalidReference`.
    public init(parsing text: String) throws(OCIError) {
        var rest = Substring(text)
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = try Self.parseDigest(String(rest[rest.index(after: at)...]), in: text)
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/"), !rest[colon...].contains("]") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        var registry = Self.defaultRegistry
        if let slash = rest.firstIndex(of: "/"), Self.looksLikeRegistry(rest[..<slash]) {
            registry = String(rest[..<slash])
            rest = rest[rest.index(after: slash)...]
        }
        try self.init(registry: registry, repository: String(rest), tag: tag, digest: digest, text: text)
    }

    /// Puts a reference together from its parts, with the same checks.
    /// - Throws: ``OCIError`` with code `invalidReference`.
    public init(registry: String, repository: String, tag: String?, digest: Digest? = nil) throws(OCIError) {
        try self.init(
            registry: registry, repository: repository, tag: tag, digest: digest, text: registry + "/" + repository)
    }

    private init(registry: String, repository: String, tag: String?, digest: Digest?, text: String) throws(OCIError) {
        let registry = registry == "index.docker.io" ? Self.defaultRegistry : registry
        guard Self.isRegistry(registry) else {
            throw Self.invalid(text, "\"\(registry.prefix(100))\" is not a registry host[:port]")
        }
        guard !repository.isEmpty else { throw Self.invalid(text, "the repository name is missing") }
        guard !repository.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
            throw Self.invalid(text, "repository names are lowercase")
        }
        guard repository.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isPathComponent) else {
            throw Self.invalid(text, "\"\(repository.prefix(100))\" is not a repository name")
        }
        let isOfficial = registry == Self.defaultRegistry && !repository.contains("/")
        guard !isOfficial || repository.utf8.count != 64 || !repository.utf8.allSatisfy(Digest.isLowercaseHex) else {
            throw Self.invalid(text, "64 hex digits are an image id, not a name")
        }
        let fullRepository = isOfficial ? "library/" + repository : repository
        guard registry.utf8.count + 1 + fullRepository.utf8.count <= 255 else {
            throw Self.invalid(text, "names are at most 255 bytes long")
        }
        if let tag, !Self.isTag(tag) { throw Self.invalid(text, "\"\(tag.prefix(100))\" is not a tag") }
        self.registry = registry
        self.repository = fullRepository
        self.tag = tag ?? (digest == nil ? "latest" : nil)
        self.digest = digest
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Registry and repository without tag and digest: `docker.io/library/busybox`.
    public var name: String { registry + "/" + repository }

    /// The full form: `docker.io/library/busybox:1.36@sha256:…`.
    public var description: String { name + suffix }

    /// The short form that people know: `busybox:1.36`, without what is implied by Docker Hub.
    public var familiar: String { familiarName + suffix }

    /// ``name`` in the short form: `busybox`.
    public var familiarName: String {
        guard registry == Self.defaultRegistry else { return name }
        let prefix = "library/"
        return repository.hasPrefix(prefix) ? String(repository.dropFirst(prefix.count)) : repository
    }

    /// What a registry is asked for: the digest if there is one, else the tag.
    public var locator: String { digest?.description ?? tag ?? "latest" }

    /// The same name with another tag, or with a digest in place of it.
    public func with(tag: String) throws(OCIError) -> ImageReference {
        try ImageReference(registry: registry, repository: repository, tag: tag)
    }

    /// The same name pinned to a digest and without a tag.
    public func pinned(to digest: Digest) -> ImageReference {
        ImageReference(checkedRegistry: registry, repository: repository, tag: nil, digest: digest)
    }

    private init(checkedRegistry: String, repository: String, tag: String?, digest: Digest?) {
        self.registry = checkedRegistry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    private var suffix: String {
        (tag.map { ":" + $0 } ?? "") + (digest.map { "@" + $0.description } ?? "")
    }
}
