public import OCI

/// The name of a repository in this registry, such as `team/app`: path components without a registry in front.
public struct RepositoryName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let description: String

    /// - Throws: ``ImageError`` with code `invalidName`.
    public init(parsing text: String) throws(ImageError) {
        // The grammar is that of a reference behind its registry, and so is the limit that clients set for the whole.
        do { _ = try ImageReference(registry: Self.anyRegistry, repository: text, tag: nil) } catch {
            throw ImageError(
                .invalidName,
                "\"\(text.prefix(100))\" is not a repository name: use lowercase letters and digits, with one of . _ - or "
                    + "/ between them, 245 bytes at most", cause: error)
        }
        description = text
    }

    public static func < (left: RepositoryName, right: RepositoryName) -> Bool { left.description < right.description }

    static let anyRegistry = "localhost"
}

/// How a client names a manifest: by a tag, or by its digest.
public enum ManifestLocator: Hashable, Sendable, CustomStringConvertible {
    case tag(String)
    case digest(Digest)

    /// - Throws: ``ImageError`` with code `invalidDigest` for what can be meant as a digest only, else `invalidManifest`.
    public init(parsing text: String) throws(ImageError) {
        if text.contains(":") {
            self = .digest(try Digest(locating: text))
            return
        }
        do {
            _ = try ImageReference(registry: RepositoryName.anyRegistry, repository: "any", tag: text)
        } catch {
            throw ImageError(
                .invalidManifest,
                "\"\(text.prefix(130))\" is not a tag: use letters, digits and . _ -, 128 at most, no . or - first",
                cause: error)
        }
        self = .tag(text)
    }

    public var description: String {
        switch self {
        case .tag(let tag): tag
        case .digest(let digest): digest.description
        }
    }
}

extension Digest {
    /// A digest in a client's request.
    /// - Throws: ``ImageError`` with code `invalidDigest`.
    public init(locating text: String) throws(ImageError) {
        do { try self.init(parsing: text) } catch {
            throw ImageError(.invalidDigest, "\(error.description); this registry stores SHA-256 only", cause: error)
        }
    }
}
