public import JSON

/// A container as the OCI runtime specification describes it: `config.json`, version 1.2, for Linux.
///
/// Source: https://github.com/opencontainers/runtime-spec, `config.md` and `config-linux.md`. Unknown members are ignored, as
/// the specification asks. What Wherry adds stands in one object named `wherry`, see `Extension`.
public struct RuntimeSpec: Codable, Hashable, Sendable {
    public var ociVersion: String
    public var process: Process?
    public var root: Root?
    public var hostname: String?
    public var domainname: String?
    /// In the order in which they are mounted.
    public var mounts: [Mount]
    public var annotations: [String: String]
    public var linux: Linux
    public var hooks: Hooks?
    /// Members that are Wherry's own.
    public var wherry: Extension

    public init(
        process: Process? = nil, root: Root? = nil, hostname: String? = nil, mounts: [Mount] = [],
        annotations: [String: String] = [:], linux: Linux = Linux(), wherry: Extension = Extension()
    ) {
        ociVersion = "1.2.0"
        self.process = process
        self.root = root
        self.hostname = hostname
        self.mounts = mounts
        self.annotations = annotations
        self.linux = linux
        self.wherry = wherry
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        ociVersion = try container.decode(String.self, forKey: .ociVersion)
        process = try container.decodeIfPresent(Process.self, forKey: .process)
        root = try container.decodeIfPresent(Root.self, forKey: .root)
        hostname = try container.decodeIfPresent(String.self, forKey: .hostname)
        domainname = try container.decodeIfPresent(String.self, forKey: .domainname)
        mounts = try container.decodeIfPresent([Mount].self, forKey: .mounts) ?? []
        annotations = try container.decodeIfPresent([String: String].self, forKey: .annotations) ?? [:]
        linux = try container.decodeIfPresent(Linux.self, forKey: .linux) ?? Linux()
        hooks = try container.decodeIfPresent(Hooks.self, forKey: .hooks)
        wherry = try container.decodeIfPresent(Extension.self, forKey: .wherry) ?? Extension()
    }

    /// Reads a parsed `config.json`.
    public static func decode(_ value: JSONValue) throws(JSONError) -> RuntimeSpec { try value.decode() }

    /// The document to write as `config.json`.
    public func encoded() throws(JSONError) -> JSONValue { try JSONValue(encoding: self) }

    /// The overlay that becomes the root file system; `root.path` is not used then.
    public var overlay: OverlayRoot? {
        get { wherry.overlay }
        set { wherry.overlay = newValue }
    }
}

extension RuntimeSpec {
    /// The root file system.
    public struct Root: Codable, Hashable, Sendable {
        /// Absolute, or relative to the bundle.
        public var path: String
        public var readonly: Bool?

        public init(path: String, readonly: Bool? = nil) {
            self.path = path
            self.readonly = readonly
        }
    }

    /// One mount of the container.
    public struct Mount: Codable, Hashable, Sendable {
        /// Absolute path in the container.
        public var destination: String
        /// A file system type; `bind` or nil with the option `bind` or `rbind`.
        public var type: String?
        /// Host path of a bind mount.
        public var source: String?
        /// As of mount(8): `ro nosuid nodev noexec bind rbind rprivate …`, or the file system's own.
        public var options: [String]?
        /// Of an id-mapped bind mount.
        public var uidMappings: [IDMapping]?
        public var gidMappings: [IDMapping]?

        public init(destination: String, type: String? = nil, source: String? = nil, options: [String]? = nil) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
        }

        /// A bind mount with everything below the source; nosuid and nodev unless told otherwise.
        public static func bind(
            _ source: String, to destination: String, readOnly: Bool, options: [String] = ["nosuid", "nodev"]
        ) -> Mount {
            Mount(
                destination: destination, type: "bind", source: source,
                options: ["rbind", "rprivate", readOnly ? "ro" : "rw"] + options)
        }
    }

    /// The root as an overlay file system, mounted by the runtime inside the container's own mount namespace.
    public struct OverlayRoot: Codable, Hashable, Sendable {
        /// Read-only layer directories, **bottom first**, at least one. Any number and any characters.
        public var lower: [String]
        /// Where changes go; nil together with `work` for a read-only root.
        public var upper: String?
        /// An empty directory on the same file system as `upper`.
        public var work: String?
        /// Never waits for the upper directory's disk; after a crash the changes are lost.
        public var volatile: Bool?

        public init(lower: [String], upper: String?, work: String?, volatile: Bool? = nil) {
            self.lower = lower
            self.upper = upper
            self.work = work
            self.volatile = volatile
        }
    }

    /// What the specification has no member for.
    public struct Extension: Codable, Hashable, Sendable {
        public var overlay: OverlayRoot?
        /// `default` is the built-in profile for the process's capabilities; `linux.seccomp` must be absent then.
        public var seccomp: SeccompProfile?

        public init(overlay: OverlayRoot? = nil, seccomp: SeccompProfile? = nil) {
            self.overlay = overlay
            self.seccomp = seccomp
        }
    }

    /// A seccomp profile by name.
    public enum SeccompProfile: String, Codable, Hashable, Sendable {
        case `default`
        case unconfined
    }
}
