import Linux

/// A data directory on a read-only file system, as a worn SD card leaves it: the agent goes on in memory.
///
/// Over the directory lies an overlay whose changes stand in the run directory, in a mount namespace of the agent's own. Every
/// part of the agent works as ever; nothing of what it writes outlives the machine, and so nothing new may be promised.
struct ReadOnlyData {
    /// Tells the program that starts again what was there before the overlay: two descriptors.
    private static let variable = "WHERRY_READ_ONLY_DATA"
    private static let newMountNamespace: Int32 = 0x20000  // CLONE_NEWNS
    private static let ownDirectories: Int32 = 0x200  // CLONE_FS

    /// The directory beneath the overlay, opened in the machine's own mount namespace: it shows when that is writable again.
    private let directory: Int32
    private let namespace: Int32

    /// nil when the data directory is not covered.
    static var current: ReadOnlyData? {
        let descriptors = getenv(variable).map { String(cString: $0).split(separator: ",").compactMap { Int32($0) } }
        guard let descriptors, descriptors.count == 2 else { return nil }
        return ReadOnlyData(directory: descriptors[0], namespace: descriptors[1])
    }

    /// Whether the file system beneath is writable again.
    var isOver: Bool { !Self.isReadOnly(directory) }

    static func isReadOnly(_ path: String) -> Bool {
        guard let directory = try? FileDescriptor.open(path, O_RDONLY | O_DIRECTORY) else { return false }
        return isReadOnly(directory.rawValue)
    }

    /// Asked by a change that changes nothing: of an ext4 that has given up after an error no flag tells.
    private static func isReadOnly(_ directory: Int32) -> Bool {
        wherry_remove_extended_attribute(directory, "user.wherry.none") != 0 && Errno.last == .readOnly
    }

    /// Lays the overlay over the directory and starts this program again, with the same arguments and the same process number.
    static func cover(_ data: String, run: String) throws -> Never {
        let directory = try systemCall("open", on: data) { open(data, O_RDONLY | O_DIRECTORY) }
        let namespace = try systemCall("open", on: "/proc/self/ns/mnt") { open("/proc/self/ns/mnt", O_RDONLY) }
        let changes = Changes(run: run)
        try changes.prepare()
        // Only this thread has the namespace; it is the one that goes on after the program starts again.
        try systemCall("unshare") { wherry_unshare(newMountNamespace) }
        let recursiveSlave = UInt(1 << 14 | 1 << 19)  // MS_REC and MS_SLAVE
        try systemCall("mount", on: "/") { mount(nil, "/", nil, recursiveSlave, nil) }
        try systemCall("mount", on: data) { mount("overlay", data, "overlay", 0, changes.options(lower: data)) }
        // Containers have overlays of their own, which cannot lie in another overlay's changes.
        let containers = data + "/containers"
        try Files.makeDirectories(containers, mode: 0o700)
        let bind = UInt(1 << 12)  // MS_BIND
        try systemCall("mount", on: containers) { mount(changes.containers, containers, nil, bind, nil) }
        setenv(variable, "\(directory),\(namespace)", 1)
        try startAgain()
    }

    /// Starts this program again in the machine's own mount namespace.
    func uncover() throws -> Never {
        try systemCall("unshare") { wherry_unshare(Self.ownDirectories) }
        try systemCall("setns") { wherry_setns(namespace, Self.newMountNamespace) }
        unsetenv(Self.variable)
        Linux.close(directory)
        Linux.close(namespace)
        try Self.startAgain()
    }

    static func startAgain() throws -> Never {
        var arguments: [UnsafeMutablePointer<CChar>?] = Program.arguments.map { strdup($0) } + [nil]
        let path = Program.path.map { $0.hasPrefix("/") && access($0, X_OK) == 0 ? $0 : "/proc/self/exe" }
        execv(path ?? "/proc/self/exe", &arguments)
        throw SystemError(call: "execv", errno: .last, subject: Program.path ?? "wherry")
    }

    /// Removes the changes of former times, but those of containers that still run on them.
    static func forget(run: String) throws {
        let changes = Changes(run: run)
        guard Files.exists(changes.root) else { return }
        try changes.remove(keeping: { Files.exists("\(run)/containers/\($0)") })
    }

    /// Where the overlay's changes stand.
    private struct Changes {
        let root: String

        init(run: String) {
            root = run + "/read-only-data"
        }

        var containers: String { root + "/containers" }

        func prepare() throws {
            for name in ["upper", "work", "containers"] {
                try Files.makeDirectories("\(root)/\(name)", mode: 0o700)
            }
        }

        func options(lower: String) -> String {
            "lowerdir=\(Self.quoted(lower)),upperdir=\(Self.quoted(root))/upper,workdir=\(Self.quoted(root))/work"
        }

        func remove(keeping isUsed: (String) -> Bool) throws {
            try Files.removeTree(root + "/upper")
            try Files.removeTree(root + "/work")
            guard Files.exists(containers) else { return }
            for id in try Files.listDirectory(containers) where !isUsed(id) {
                try Files.removeTree("\(containers)/\(id)")
            }
        }

        /// What separates the options of an overlay may stand in a path, too.
        private static func quoted(_ path: String) -> String {
            path.map { ",:\\".contains($0) ? "\\\($0)" : String($0) }.joined()
        }
    }
}
