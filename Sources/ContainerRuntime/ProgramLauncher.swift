import Linux
import OCI

/// Gives a process its user, its rights and its program. Used by the container's first process and by `exec`.
///
/// The order matters: without no_new_privs the filter needs CAP_SYS_ADMIN, so it is loaded before capabilities go; with it,
/// the filter is the very last step, so that it need not allow the steps before.
struct ProgramLauncher {
    let process: RuntimeSpec.Process
    private let linux: RuntimeSpec.Linux
    private var filter: SeccompFilter?
    private let capabilities: CapabilitySet.Five
    private var identity = UserDatabase.Identity()
    private var environment: [String]
    private var program = ""

    /// Reads what must be read while the host's files are still visible.
    ///
    /// - Parameters:
    ///   - state: the container's, and `pid` the process's number in the runtime's pid namespace if that is not the caller's:
    ///     told to the agent of a filter with SCMP_ACT_NOTIFY.
    init(
        _ spec: RuntimeSpec, process: RuntimeSpec.Process? = nil, runtimeRoot: String, state: OCIState? = nil,
        pid: pid_t? = nil
    ) throws(RuntimeError) {
        guard let process = process ?? spec.process else {
            throw RuntimeError(.invalidSpec, "the specification has no process")
        }
        self.process = process
        linux = spec.linux
        environment = process.env
        capabilities = CapabilitySet.sets(process.capabilities)
        filter = try SeccompFilter.load(
            spec, capabilities: process.capabilities, cache: "\(runtimeRoot)/.seccomp", state: state, pid: pid)
    }

    /// The connection to the filter's agent: a caller that renumbers descriptors keeps it, and says its new number.
    var seccompListener: SeccompListener? {
        get { filter?.listener }
        set { filter?.listener = newValue }
    }

    /// Who the process becomes; known once the user is resolved.
    var uid: uid_t { identity.uid }

    /// Looks the user up in the container's files and makes the working directory.
    mutating func resolveUser(root: Int32) throws(RuntimeError) {
        identity = try UserDatabase(root: root).identity(process.user)
        // To the kernel this number means "do not change", which would leave the process root.
        guard identity.uid != uid_t.max, identity.gid != gid_t.max, !identity.groups.contains(gid_t.max) else {
            throw RuntimeError(.invalidSpec, "\(UInt32.max) is not a user or group id")
        }
        if !environment.contains(where: { $0.utf8.starts(with: "HOME=".utf8) }) {
            environment.append("HOME=\(identity.home)")
        }
        let cwd = process.cwd
        if cwd != "/", (try? OpenBeneath.open(root: root, path: cwd, flags: O_PATH | O_DIRECTORY)) == nil {
            try stage("make the working directory \(cwd)") {
                let made = try OpenBeneath.makeDirectories(root: root, path: cwd)
                made.close()
            }
        }
    }

    /// Becomes the user with the wanted rights, and finds the program as that user.
    mutating func takeIdentity() throws(RuntimeError) {
        try setLimits()
        Self.replaceNullDevices()
        try ProcessAttributes.apply(process, linux)
        try makeOutputWritable()
        if process.noNewPrivileges != true { try loadFilter() }
        // Some directories are open to root only, others to the user only.
        let entered = chdir(process.cwd) == 0
        try stage("change to user \(identity.uid)") {
            try CapabilitySet.dropBounding(keeping: capabilities.bounding)
            let groups = identity.groups
            do throws(SystemError) {
                try systemCall("setgroups") { wherry_setgroups(groups.count, groups) }
            } catch {
                // In a plain user's namespace groups cannot be set, and there are none to drop.
                guard groups.isEmpty, error.errno == .notPermitted else { throw error }
            }
            try systemCall("prctl") { wherry_prctl(Kernel.Process.setKeepCapabilities, 1, 0, 0, 0) }
            try systemCall("setresgid") { wherry_setresgid(identity.gid) }
            try systemCall("setresuid") { wherry_setresuid(identity.uid) }
            try systemCall("prctl") { wherry_prctl(Kernel.Process.setKeepCapabilities, 0, 0, 0, 0) }
        }
        try stage("set the capabilities") { try CapabilitySet.apply(capabilities) }
        umask(process.user.umask ?? 0o022)
        try enterWorkingDirectory(entered: entered)
        if process.noNewPrivileges == true {
            try stage("set no_new_privs") {
                try systemCall("prctl") { wherry_prctl(Kernel.Process.setNoNewPrivileges, 1, 0, 0, 0) }
            }
        }
        program = try ProgramSearch.find(process.args[0], environment: environment)
    }

    /// Runs the program. Everything but descriptors 0–2 is closed with it.
    func execute() throws(RuntimeError) -> Never {
        let arguments = CStringArray(process.args)
        let variables = CStringArray(environment)
        if process.noNewPrivileges == true { try loadFilter() }
        _ = wherry_exec(program, -1, arguments.pointer, variables.pointer)
        throw ProgramSearch.failure(process.args[0], .last)
    }

    private func loadFilter() throws(RuntimeError) {
        try filter?.install()
    }

    private func setLimits() throws(RuntimeError) {
        for limit in process.rlimits {
            guard let resource = Self.resources[limit.type] else {
                throw RuntimeError(.invalidSpec, "resource limit \"\(limit.type)\" is not known")
            }
            try stage("set \(limit.type) to \(limit.soft):\(limit.hard)") {
                try systemCall("prlimit") { wherry_prlimit(0, resource, [limit.soft, limit.hard], nil) }
            }
        }
    }

    /// Engines give the host's null device as standard input, whose mode root inside could change for everybody: the
    /// container's takes its place, where it certainly is one.
    private static func replaceNullDevices() {
        func isNull(_ descriptor: Int32) -> Bool {
            var info = stat()
            return fstat(descriptor, &info) == 0 && info.st_mode & S_IFMT == S_IFCHR
                && wherry_major(UInt64(info.st_rdev)) == 1 && wherry_minor(UInt64(info.st_rdev)) == 3
        }
        for descriptor: Int32 in 0...2 where isNull(descriptor) {
            let mode = wherry_fcntl_integer(descriptor, F_GETFL, 0) & O_ACCMODE
            guard mode >= 0, let own = try? FileDescriptor.open("/dev/null", mode | O_NOFOLLOW | O_NONBLOCK),
                isNull(own.rawValue)
            else { continue }
            _ = wherry_dup3(own.rawValue, descriptor, 0)
        }
    }

    /// `/dev/stdout` is opened anew by some programs, as their user.
    private func makeOutputWritable() throws(RuntimeError) {
        guard identity.uid != 0 else { return }
        for descriptor: Int32 in 0...2 {
            var info = stat()
            guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFIFO else { continue }
            _ = fchown(descriptor, identity.uid, identity.gid)
        }
    }

    /// The directory must lie inside the root: one reached through a leaked descriptor has no path there (CVE-2024-21626).
    private func enterWorkingDirectory(entered: Bool) throws(RuntimeError) {
        let cwd = process.cwd
        if !entered {
            try stage("enter the working directory \(cwd)") { try systemCall("chdir", on: cwd) { chdir(cwd) } }
        }
        guard let path = getcwd(nil, 0) else {
            throw RuntimeError(
                .refused, "working directory \(cwd) lies outside the container", errno: Errno.last.rawValue)
        }
        defer { free(path) }
        guard path[0] == CChar(bitPattern: UInt8(ascii: "/")) else {
            throw RuntimeError(.refused, "working directory \(cwd) lies outside the container")
        }
    }

    /// Numbers of x86-64 and arm64 alike (asm-generic/resource.h).
    private static let resources: [String: Int32] = [
        "RLIMIT_CPU": 0, "RLIMIT_FSIZE": 1, "RLIMIT_DATA": 2, "RLIMIT_STACK": 3, "RLIMIT_CORE": 4, "RLIMIT_RSS": 5,
        "RLIMIT_NPROC": 6, "RLIMIT_NOFILE": 7, "RLIMIT_MEMLOCK": 8, "RLIMIT_AS": 9, "RLIMIT_LOCKS": 10,
        "RLIMIT_SIGPENDING": 11, "RLIMIT_MSGQUEUE": 12, "RLIMIT_NICE": 13, "RLIMIT_RTPRIO": 14, "RLIMIT_RTTIME": 15,
    ]
}
