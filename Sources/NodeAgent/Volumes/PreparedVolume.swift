import Linux

/// A volume that stands: a host directory (or file, for some `hostPath`s).
struct PreparedVolume: Sendable, Hashable {
    var path: String
    var isReadOnly = false

    /// The host path of something in the volume, without leaving it by `..` or a symbolic link.
    ///
    /// A directory that isn't there is made, as the kubelet does.
    func resolve(subPath: String) throws(ConfigurationError) -> String {
        let parts = subPath.split(separator: "/")
        guard !subPath.hasPrefix("/"), !parts.contains("..") else {
            throw ConfigurationError(message: "subPath \"\(subPath)\" must be a relative path without \"..\"")
        }
        do {
            let root = try FileDescriptor.open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)
            return try resolve(parts.joined(separator: "/"), beneath: root.rawValue)
        } catch {
            throw ConfigurationError(message: "failed to prepare subPath \"\(subPath)\" of the volume: \(error)")
        }
    }

    private func resolve(_ relative: String, beneath root: Int32) throws -> String {
        do {
            return try Self.realPath(root, relative)
        } catch let error as SystemError where error.errno == .noEntry {
            _ = try OpenBeneath.makeDirectories(root: root, path: relative, mode: 0o755)
            return try Self.realPath(root, relative)
        }
    }

    /// The path that the kernel knows the opened file by: it has no symbolic link left in it.
    private static func realPath(_ root: Int32, _ relative: String) throws -> String {
        let target = try OpenBeneath.open(root: root, path: relative, flags: O_PATH | O_CLOEXEC)
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = try systemCall("readlink", on: relative) {
            readlink("/proc/self/fd/\(target.rawValue)", &buffer, Int(PATH_MAX))
        }
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
