import Linux

/// A data directory on a read-only file system, as a worn SD card leaves it: the agent goes on in memory.
///
/// It works on an overlay of the directory, whose changes stand in the run directory. Every part of it works as ever; nothing of
/// what it writes outlives the machine, and so nothing new may be promised.
final class ReadOnlyData: Sendable {
    /// What the agent takes for its data directory.
    let data: String
    private let disk: FileDescriptor

    private init(data: String, disk: consuming FileDescriptor) {
        self.data = data
        self.disk = disk
    }

    /// An overlay of the directory when its file system is read-only; nil when it is not.
    static func cover(_ directory: String, run: String) throws -> ReadOnlyData? {
        let changes = Changes(run: run)
        let isMounted = Files.isMountPoint(changes.data)
        // Not beside an agent that works on it.
        if isMounted { close(try DaemonDirectories.lock(changes.data)) }
        let disk = try FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY)
        guard refusal(of: disk.rawValue) == .readOnly else {
            try changes.forget(unlessUsedBelow: run)
            return nil
        }
        if !isMounted {
            try changes.prepare()
            let options = changes.options(lower: directory)
            try systemCall("mount", on: changes.data) { mount("overlay", changes.data, "overlay", 0, options) }
            // Containers have overlays of their own, which cannot lie in another overlay's changes.
            let containers = changes.data + "/containers"
            try Files.makeDirectories(containers, mode: 0o700)
            let bind = UInt(1 << 12)  // MS_BIND
            try systemCall("mount", on: containers) { mount(changes.containers, containers, nil, bind, nil) }
        }
        return ReadOnlyData(data: changes.data, disk: disk)
    }

    /// Whether the disk can be written again.
    var isOver: Bool { Self.refusal(of: disk.rawValue) == nil }

    static func isReadOnly(_ directory: String) -> Bool {
        guard let disk = try? FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY) else { return false }
        return refusal(of: disk.rawValue) == .readOnly
    }

    /// Why the directory's lock cannot be written; nil when it can. Nothing is written: of an ext4 that has given up after an error
    /// no flag tells, but it refuses a write of nothing.
    private static func refusal(of directory: Int32) -> Errno? {
        let lock = openat(directory, DaemonDirectories.lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { return .last }
        defer { close(lock) }
        return pwrite(lock, "", 0, 0) == 0 ? nil : .last
    }

    /// Where the overlay and its changes stand.
    private struct Changes {
        private static let detach: Int32 = 2  // MNT_DETACH
        private let root: String

        init(run: String) {
            root = run + "/read-only-data"
        }

        var data: String { root + "/data" }
        var containers: String { root + "/containers" }

        func prepare() throws {
            for name in ["data", "upper", "work", "containers"] {
                try Files.makeDirectories("\(root)/\(name)", mode: 0o700)
            }
        }

        func options(lower: String) -> String {
            "lowerdir=\(Self.quoted(lower)),upperdir=\(Self.quoted(root))/upper,workdir=\(Self.quoted(root))/work"
        }

        /// Changes on which a container still runs stay; the others go.
        func forget(unlessUsedBelow run: String) throws {
            guard Files.exists(root) else { return }
            let started = Files.exists(containers) ? try Files.listDirectory(containers) : []
            guard !started.contains(where: { Files.exists("\(run)/containers/\($0)") }) else { return }
            if Files.isMountPoint(data) {
                umount2(data + "/containers", Self.detach)
                try systemCall("umount", on: data) { umount2(data, Self.detach) }
            }
            try Files.removeTree(root)
        }

        /// What separates the options of an overlay may stand in a path, too.
        private static func quoted(_ path: String) -> String {
            path.map { ",:\\".contains($0) ? "\\\($0)" : String($0) }.joined()
        }
    }
}
