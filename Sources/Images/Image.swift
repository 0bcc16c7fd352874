public import OCI

/// An image of the store, all of whose layers are unpacked.
public struct Image: Sendable, Hashable {
    /// Digest of the config, which is what people call the image id.
    public let id: Digest
    public let manifestDigest: Digest
    /// The names it has here, in their familiar form (`busybox:latest`), sorted.
    public let references: [String]
    /// Where it came from by digest, `busybox@sha256:…`, sorted.
    public let repositoryDigests: [String]
    public let config: ImageConfig
    /// Absolute paths of the unpacked layers, bottom first: the lower directories of an overlay.
    public let layerDirectories: [String]
    /// Bytes of the unpacked layers.
    public let size: Int64
    /// When it was built, RFC 3339, as its config says; empty when that is silent.
    public let created: String
    /// What is damaged of it, as far as that is known; nil when nothing is. Such an image must not be started: see
    /// ``ImageStore/prepareToStart(_:)``.
    public let damage: String?
}

/// What removing an image did.
public enum RemovedItem: Sendable, Hashable {
    /// A name was taken away.
    case untagged(String)
    /// The image itself went.
    case deleted(Digest)
}

/// What garbage collection freed.
public struct GarbageReport: Sendable, Hashable {
    public var images: [Digest] = []
    public var blobs: [Digest] = []
    /// Chain ids.
    public var layers: [Digest] = []
    /// Bytes of blobs plus unpacked bytes of layers.
    public var freedBytes: Int64 = 0
}

/// A step of a pull, for people who wait.
public struct PullProgress: Sendable, Hashable {
    public enum Phase: String, Sendable, Hashable {
        case resolving, waiting, downloading, downloaded, unpacking, done, exists
    }

    public let phase: Phase
    /// The blob it is about; nil for the image as a whole.
    public let blob: Digest?
    public let completedBytes: Int64
    public let totalBytes: Int64
    /// Why it waits, in words.
    public var detail: String?
}

/// A user's name and secret at a registry.
public struct RegistryCredentials: Sendable, Hashable {
    public var username: String
    public var password: String
    /// A refresh token of an OAuth2 token server, used in place of the password.
    public var identityToken: String?

    public init(username: String, password: String, identityToken: String? = nil) {
        self.username = username
        self.password = password
        self.identityToken = identityToken
    }
}

/// What the config of an imported root or a committed container shall say, beside what it says already.
public struct ImportChanges: Sendable, Hashable {
    public var cmd: [String]?
    public var entrypoint: [String]?
    /// `NAME=value` entries.
    public var env: [String]
    /// `80/tcp` entries; a bare port means tcp.
    public var exposed: [String]
    public var workingDir: String?
    public var user: String?
    public var labels: [String: String]
    /// Paths of volumes.
    public var volumes: [String] = []
    public var stopSignal: String?
    /// Stands in the image's history.
    public var message: String?

    public init(
        cmd: [String]? = nil, entrypoint: [String]? = nil, env: [String] = [], exposed: [String] = [],
        workingDir: String? = nil, user: String? = nil, labels: [String: String] = [:]
    ) {
        self.cmd = cmd
        self.entrypoint = entrypoint
        self.env = env
        self.exposed = exposed
        self.workingDir = workingDir
        self.user = user
        self.labels = labels
    }
}
