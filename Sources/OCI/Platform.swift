/// Operating system, architecture and variant that an image was built for.
public struct Platform: Hashable, Sendable, Codable, CustomStringConvertible {
    public var os: String
    public var architecture: String
    public var variant: String?
    public var osVersion: String?

    enum CodingKeys: String, CodingKey {
        case os, architecture, variant
        case osVersion = "os.version"
    }

    public init(os: String = "linux", architecture: String, variant: String? = nil, osVersion: String? = nil) {
        self.os = os
        self.architecture = architecture
        self.variant = variant
        self.osVersion = osVersion
    }

    /// Parses `os/architecture[/variant]`, or an architecture alone.
    /// - Throws: ``OCIError`` with code `invalidPlatform`.
    public init(parsing text: String) throws(OCIError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 64 }) else {
            throw OCIError(
                .invalidPlatform, "platform \"\(text.prefix(100))\" is not of the form os/architecture[/variant]")
        }
        let spoken = parts.count == 1 ? ["linux"] + parts : parts
        let (architecture, variant) = Self.normalised(spoken[1], spoken.count == 3 ? spoken[2] : nil)
        self.init(os: spoken[0], architecture: architecture, variant: variant)
    }

    /// The platform this program was built for.
    public static var current: Platform {
        #if arch(x86_64)
            Platform(architecture: "amd64")
        #elseif arch(arm64)
            Platform(architecture: "arm64", variant: "v8")
        #elseif arch(arm)
            Platform(architecture: "arm", variant: "v7")
        #elseif arch(i386)
            Platform(architecture: "386")
        #elseif arch(riscv64)
            Platform(architecture: "riscv64")
        #elseif arch(powerpc64le)
            Platform(architecture: "ppc64le")
        #elseif arch(s390x)
            Platform(architecture: "s390x")
        #else
            Platform(architecture: "unknown")
        #endif
    }

    public var description: String {
        os + "/" + architecture + (variant.map { "/" + $0 } ?? "")
    }

    /// What this platform can run, best first, each with its variant written out: 32-bit ARM goes down from its own
    /// variant to v5, 64-bit ARM and x86 end with their 32-bit forms.
    public var accepted: [Platform] {
        func make(_ architecture: String, _ variants: [String?]) -> [Platform] {
            variants.map { Platform(os: os, architecture: architecture, variant: $0) }
        }
        let (architecture, variant) = Self.normalised(architecture, variant)
        switch architecture {
        case "arm":
            return make("arm", Self.armVariants(from: variant ?? "v7"))
        case "arm64":
            return make("arm64", ["v8"]) + make("arm", Self.armVariants(from: "v8"))
        case "amd64":
            let levels = ["v4", "v3", "v2"]
            let own = variant.flatMap(levels.firstIndex(of:)).map { Array(levels[$0...]) } ?? []
            return make("amd64", own + [nil]) + make("386", [nil])
        default:
            return make(architecture, [variant])
        }
    }

    /// How well an image of platform `other` fits: 0 is best, nil is not at all.
    public func rank(of other: Platform) -> Int? {
        let (architecture, variant) = Self.normalised(other.architecture, other.variant)
        let candidate = Platform(os: other.os, architecture: architecture, variant: variant)
        return accepted.firstIndex {
            $0.os == candidate.os && $0.architecture == candidate.architecture && $0.variant == candidate.variant
        }
    }

    /// Common other spellings of architectures, and the variants that are implied.
    private static func normalised(_ architecture: String, _ variant: String?) -> (String, String?) {
        let variant = variant?.isEmpty == true ? nil : variant
        switch architecture {
        case "x86_64", "x86-64", "amd64": return ("amd64", variant == "v1" ? nil : variant)
        case "aarch64", "arm64": return ("arm64", variant == nil || variant == "8" ? "v8" : variant)
        case "armhf": return ("arm", "v7")
        case "armel": return ("arm", "v6")
        case "arm":
            guard let variant else { return ("arm", "v7") }
            return ("arm", variant.hasPrefix("v") ? variant : "v" + variant)
        case "i386", "i686", "386": return ("386", nil)
        default: return (architecture, variant)
        }
    }

    private static func armVariants(from variant: String) -> [String?] {
        let all = ["v8", "v7", "v6", "v5"]
        guard let start = all.firstIndex(of: variant) else { return [variant] }
        return Array(all[start...])
    }
}
