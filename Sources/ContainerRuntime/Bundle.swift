import JSON
import Linux
public import OCI

/// An OCI bundle: a directory with a `config.json`.
public struct Bundle: Sendable {
    /// Absolute.
    public let path: String
    /// With an absolute root path.
    public let spec: RuntimeSpec
    /// The file as it is.
    let config: [UInt8]

    /// - Parameter path: absolute.
    public init(path: String) throws(RuntimeError) {
        self.path = path
        let file = "\(path)/config.json"
        let bytes = try stage("read \(file)") { try Files.read(file, limit: 4 << 20) }
        var spec = try stage("read \(file)") { try RuntimeSpec.decode(JSONValue(parsing: bytes)) }
        if let root = spec.root?.path, !Self.isAbsolute(root) { spec.root?.path = "\(path)/\(root)" }
        for index in spec.mounts.indices {
            let mount = spec.mounts[index]
            // Relative destinations are old and mean the root; relative sources of bind mounts mean the bundle.
            if !Self.isAbsolute(mount.destination) { spec.mounts[index].destination = "/\(mount.destination)" }
            let isBind = mount.type == "bind" || MountOptions(mount.options ?? []).isBind
            if isBind, let source = mount.source, !Self.isAbsolute(source) {
                spec.mounts[index].source = "\(path)/\(source)"
            }
        }
        config = bytes
        self.spec = spec
    }

    private static func isAbsolute(_ path: String) -> Bool { path.utf8.first == UInt8(ascii: "/") }

    /// The specification for a container of this name: its cgroup is named after it, unless the bundle names one.
    func spec(for id: String, usesSystemd: Bool = false) -> RuntimeSpec {
        var spec = spec
        let path = spec.linux.cgroupsPath ?? ""
        if usesSystemd {
            if path.isEmpty { spec.linux.cgroupsPath = ":wherry:\(id)" }
        } else if path.isEmpty {
            spec.linux.cgroupsPath = "/\(id)"
        } else if !Self.isAbsolute(path) {
            spec.linux.cgroupsPath = "/\(path)"
        }
        return spec
    }
}
