import Linux

/// Finds a program as execvp would, with the container's PATH, as the calling process's user.
enum ProgramSearch {
    static func find(_ name: String, environment: [String]) throws(RuntimeError) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) {
            if let error = problem(name) { throw failure(name, error) }
            return name
        }
        let path = environment.last { $0.utf8.starts(with: "PATH=".utf8) }.map { $0.dropFirst(5) }
        var found: Errno?
        for entry in (path ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .split(separator: ":", omittingEmptySubsequences: false)
        {
            let candidate = entry.isEmpty ? "./\(name)" : "\(entry)/\(name)"
            guard let error = problem(candidate) else { return candidate }
            if error == .accessDenied { found = error }
        }
        throw failure(name, found ?? .noEntry)
    }

    /// What speaks against executing a path; nil for nothing.
    private static func problem(_ path: String) -> Errno? {
        var info = stat()
        guard stat(path, &info) == 0 else { return .last }
        guard info.st_mode & S_IFMT == S_IFREG else { return .accessDenied }
        return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? nil : .last
    }

    static func failure(_ name: String, _ error: Errno) -> RuntimeError {
        let isPath = name.utf8.contains(UInt8(ascii: "/"))
        switch error {
        case .noEntry, .notDirectory:
            return RuntimeError(
                .commandNotFound,
                isPath
                    ? "exec: \"\(name)\": stat \(name): no such file or directory"
                    : "exec: \"\(name)\": executable file not found in $PATH", stage: "exec", errno: error.rawValue)
        case .accessDenied, .notPermitted, .isDirectory:
            return RuntimeError(
                .permissionDenied, "exec: \"\(name)\": permission denied", stage: "exec", errno: error.rawValue)
        case .badExecutable:
            return RuntimeError(
                .permissionDenied, "exec: \"\(name)\": exec format error", stage: "exec", errno: error.rawValue)
        default:
            return RuntimeError(.setupFailed, "exec: \"\(name)\": \(error)", stage: "exec", errno: error.rawValue)
        }
    }
}
