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
        if let root = spec.root?.path, root.utf8.first != UInt8(ascii: "/") { spec.root?.path = "\(path)/\(root)" }
        config = bytes
        self.spec = spec
    }

    /// The specification for a container of this name: its cgroup is named after it, unless the bundle names one.
    func spec(for id: String) -> RuntimeSpec {
        var spec = spec
        if spec.linux.cgroupsPath == nil { spec.linux.cgroupsPath = "/\(id)" }
        return spec
    }
}
