/// What the registry refuses; `RegistryAPI` gives each the distribution specification's code and HTTP status.
extension ImageError.Code {
    /// The repository's name does not follow the grammar.
    public static let invalidName = Self(rawValue: "invalidName")
    /// Nothing was ever pushed to the repository, or all of it was removed.
    public static let unknownRepository = Self(rawValue: "unknownRepository")
    /// Not a digest, not SHA-256, or not that of the content.
    public static let invalidDigest = Self(rawValue: "invalidDigest")
    public static let unknownBlob = Self(rawValue: "unknownBlob")
    public static let unknownUpload = Self(rawValue: "unknownUpload")
    /// The request for an upload cannot be understood, or another request took the upload over.
    public static let invalidUpload = Self(rawValue: "invalidUpload")
    /// A chunk that does not begin where the upload stands.
    public static let chunkOutOfOrder = Self(rawValue: "chunkOutOfOrder")
    /// Fewer or more bytes than announced.
    public static let sizeMismatch = Self(rawValue: "sizeMismatch")
    public static let unknownManifest = Self(rawValue: "unknownManifest")
    public static let invalidManifest = Self(rawValue: "invalidManifest")
    /// A manifest of more than 4 MiB.
    public static let manifestTooLarge = Self(rawValue: "manifestTooLarge")
    /// A manifest that points at a blob or manifest which the repository does not have.
    public static let manifestBlobUnknown = Self(rawValue: "manifestBlobUnknown")
    /// Known, but not allowed to do this.
    public static let denied = Self(rawValue: "denied")
    public static let tooManyRequests = Self(rawValue: "tooManyRequests")
    /// The registry does not do this, or not here.
    public static let unsupported = Self(rawValue: "unsupported")
}
