/// Starts programs. Between fork and exec only C code runs, which neither allocates nor locks.
public enum ChildProcess {
    /// A running child.
    public struct Spawned: Sendable {
        public let pid: pid_t
        /// Closed on exec; the caller closes it.
        public let pidfd: Int32

        public init(pid: pid_t, pidfd: Int32) {
            self.pid = pid
            self.pidfd = pidfd
        }
    }

    /// What is executed.
    public enum Program: Sendable {
        case path(String)
        /// An open executable; nothing is looked up by name.
        case descriptor(Int32)
    }

    /// Starts a program by its path; there is no PATH search. `arguments` includes argv[0]; a nil environment is inherited.
    ///
    /// Every descriptor is closed in the child but 0–2 and those listed as `child`. Returns after the exec succeeded, so a
    /// missing program is an error here, with no process left over.
    public static func spawn(
        path: String, arguments: [String], environment: [String]? = nil,
        fileDescriptors: [(parent: Int32, child: Int32)] = [], newSession: Bool = false,
        workingDirectory: String? = nil,
        deathSignal: Int32 = 0
    ) throws(SystemError) -> Spawned {
        try spawn(
            .path(path), arguments: arguments, environment: environment, fileDescriptors: fileDescriptors,
            newSession: newSession, workingDirectory: workingDirectory, deathSignal: deathSignal)
    }

    public static func spawn(
        _ program: Program, arguments: [String], environment: [String]? = nil,
        fileDescriptors: [(parent: Int32, child: Int32)] = [], newSession: Bool = false,
        workingDirectory: String? = nil,
        deathSignal: Int32 = 0
    ) throws(SystemError) -> Spawned {
        let argv = CStringArray(arguments)
        let variables = environment.map { CStringArray($0) }
        let parents = fileDescriptors.map(\.parent)
        let children = fileDescriptors.map(\.child)
        var pidfd: Int32 = -1
        var failedCall = "clone"
        var path: String?
        var descriptor: Int32 = -1
        switch program {
        case .path(let text): path = text
        case .descriptor(let number): descriptor = number
        }
        let pathCopy = path.flatMap { strdup($0) }
        let directoryCopy = workingDirectory.flatMap { strdup($0) }
        defer {
            free(pathCopy)
            free(directoryCopy)
        }
        let pid = parents.withUnsafeBufferPointer { parents in
            children.withUnsafeBufferPointer { children in
                var request = wherry_spawn_request(
                    path: pathCopy, exec_fd: descriptor, argv: argv.pointer, envp: variables?.pointer ?? environ,
                    parent_fds: parents.baseAddress, child_fds: children.baseAddress, fd_count: parents.count,
                    working_directory: directoryCopy, new_session: newSession ? 1 : 0, death_signal: deathSignal,
                    failed_call: nil)
                let pid = wherry_spawn(&request, &pidfd)
                let error = errno
                if pid < 0, let call = request.failed_call { failedCall = String(cString: call) }
                errno = error
                return pid
            }
        }
        guard pid > 0 else {
            throw SystemError(call: failedCall, errno: .last, subject: path ?? arguments.first)
        }
        return Spawned(pid: pid, pidfd: pidfd)
    }

    /// Collects a child that has ended; nil while it runs, or when it is not a child of this process.
    public static func reap(_ pid: pid_t) -> ExitStatus? { collect(pid, WNOHANG) }

    /// Waits for a child to end; nil when it is not a child of this process. Blocks.
    public static func wait(_ pid: pid_t) -> ExitStatus? { collect(pid, 0) }

    private static func collect(_ pid: pid_t, _ options: Int32) -> ExitStatus? {
        var status: Int32 = 0
        while true {
            let result = waitpid(pid, &status, options)
            if result == pid { return ExitStatus(waitStatus: status) }
            if result == 0 || Errno.last != .interrupted { return nil }
        }
    }
}

/// A NULL-terminated array of C strings, freed with its owner.
public final class CStringArray {
    public let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    public init(_ strings: [String]) {
        count = strings.count
        pointer = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { (pointer + index).initialize(to: strdup(string)) }
        (pointer + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointer[index]) }
        pointer.deallocate()
    }
}
