import CLinux
import Linux

/// Whether mounts can pass between the host and a container at all: the mount that a source lies on decides, and where no
/// systemd made it shared, as on many small devices, nothing would ever pass.
struct SharedMounts {
    private let lines: [[Substring]]

    /// - Parameter mountInfo: as of `/proc/self/mountinfo`.
    init(_ mountInfo: String) {
        lines = mountInfo.split(separator: "\n").map { $0.split(separator: " ") }
    }

    static func check(_ mounts: [MountRequest]) throws {
        let asked = mounts.filter { $0.propagation != .none }
        guard !asked.isEmpty else { return }
        let table = SharedMounts(String(decoding: try Files.read("/proc/self/mountinfo"), as: UTF8.self))
        for mount in asked {
            guard case .host(let path) = mount.source else { continue }
            let id = try systemCall("statx", on: path) { wherry_mount_id(AT_FDCWD, path, 0) }
            try table.check(path, on: id, mount.propagation)
        }
    }

    /// - Parameter id: of the mount that the path is on.
    func check(_ path: String, on id: Int64, _ propagation: MountRequest.Propagation) throws(EngineError) {
        guard let line = lines.first(where: { $0.first == "\(id)" }), line.count > 6 else {
            throw EngineError(.invalidRequest, "the mount that \(path) is on is not known")
        }
        // As `shared:1 master:2`, up to a dash.
        let kinds = line[6...].prefix { $0 != "-" }
        if kinds.contains(where: { $0.hasPrefix("shared:") }) { return }
        if propagation == .hostToContainer, kinds.contains(where: { $0.hasPrefix("master:") }) { return }
        let wanted = propagation == .hostToContainer ? "shared or slave" : "shared"
        throw EngineError(
            .invalidRequest,
            "path \(path) is mounted on \(line[4]) but it is not a \(wanted) mount; make it one by mount --make-rshared \(line[4])"
        )
    }
}
