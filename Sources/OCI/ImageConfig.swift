public import JSON

/// An image's configuration: platform, defaults of its process, and its layers' diff IDs (image-spec config.md).
public struct ImageConfig: Hashable, Sendable, Codable {
    public var created: String?
    public var author: String?
    public var architecture: String
    public var os: String
    public var variant: String?
    public var osVersion: String?
    public var config: Process?
    public var rootfs: RootFS
    public var history: [History]?

    enum CodingKeys: String, CodingKey {
        case created, author, architecture, os, variant, config, rootfs, history
        case osVersion = "os.version"
    }

    /// Defaults for a container's process; keys as in the specification, capitalised.
    public struct Process: Hashable, Sendable, Codable {
        public var user: String?
        public var exposedPorts: [String: JSONValue]?
        public var env: [String]?
        public var entrypoint: [String]?
        public var cmd: [String]?
        public var volumes: [String: JSONValue]?
        public var workingDir: String?
        public var labels: [String: String]?
        public var stopSignal: String?
        /// Docker's extension, carried as it is.
        public var healthcheck: JSONValue?

        enum CodingKeys: String, CodingKey {
            case user = "User"
            case exposedPorts = "ExposedPorts"
            case env = "Env"
            case entrypoint = "Entrypoint"
            case cmd = "Cmd"
            case volumes = "Volumes"
            case workingDir = "WorkingDir"
            case labels = "Labels"
            case stopSignal = "StopSignal"
            case healthcheck = "Healthcheck"
        }

        public init() {}
    }

    public struct RootFS: Hashable, Sendable, Codable {
        public var type: String
        /// Digests of the uncompressed layers, bottom first.
        public var diffIDs: [Digest]

        enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }

        public init(diffIDs: [Digest]) {
            self.type = "layers"
            self.diffIDs = diffIDs
        }
    }

    public struct History: Hashable, Sendable, Codable {
        public var created: String?
        public var createdBy: String?
        public var comment: String?
        public var emptyLayer: Bool?

        enum CodingKeys: String, CodingKey {
            case created, comment
            case createdBy = "created_by"
            case emptyLayer = "empty_layer"
        }

        public init(created: String? = nil, createdBy: String? = nil, comment: String? = nil, emptyLayer: Bool? = nil) {
            self.created = created
            self.createdBy = createdBy
            self.comment = comment
            self.emptyLayer = emptyLayer
        }
    }

    public init(platform: Platform, diffIDs: [Digest], config: Process? = nil) {
        self.architecture = platform.architecture
        self.os = platform.os
        self.variant = platform.variant
        self.rootfs = RootFS(diffIDs: diffIDs)
        self.config = config
    }

    /// Reads a config blob of at most 8 MiB.
    /// - Throws: ``OCIError`` with code `invalidDocument`.
    public init(parsing bytes: [UInt8]) throws(OCIError) {
        guard bytes.count <= 8 << 20 else { throw OCIError(.invalidDocument, "the image config is larger than 8 MiB") }
        do {
            self = try JSONValue(parsing: bytes).decode()
        } catch {
            throw OCIError(.invalidDocument, "the image config is malformed", cause: error)
        }
        guard rootfs.type == "layers" else {
            throw OCIError(.invalidDocument, "the image config has rootfs type \"\(rootfs.type)\", not \"layers\"")
        }
    }

    /// The platform the image was built for.
    public var platform: Platform {
        Platform(os: os, architecture: architecture, variant: variant, osVersion: osVersion)
    }
}
