public import JSON

/// What `/version` says. kubectl picks its own behaviour by the minor version.
public struct ServerVersion: Sendable {
    /// Minor version of the Kubernetes API that is spoken; from 32 on clients send protobuf bodies.
    public var minor: Int
    /// Wherry's own version, as `0.1.0`.
    public var release: String
    /// Members of another API's answer to the same question, laid beside those of Kubernetes.
    public var beside: [String: JSONValue] = [:]

    public init(minor: Int = 33, release: String) {
        self.minor = minor
        self.release = release
    }

    /// As kubelets and kubectl print it: `v1.33.0+wherry-0.1.0`.
    public var gitVersion: String { "v1.\(minor).0+wherry-\(release)" }

    var value: JSONValue {
        let own = own.objectValue ?? [:]
        // Go's decoders take `Platform` for `platform`.
        let names = Set(own.keys.map { $0.lowercased() })
        return .object(own.merging(beside.filter { !names.contains($0.key.lowercased()) }) { own, _ in own })
    }

    private var own: JSONValue {
        [
            "major": "1", "minor": .string(String(minor)), "gitVersion": .string(gitVersion), "gitCommit": "",
            "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "none", "compiler": "swift",
            "platform": .string("linux/\(Self.architecture)"),
        ]
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #elseif arch(x86_64)
            "amd64"
        #else
            "unknown"
        #endif
    }
}
