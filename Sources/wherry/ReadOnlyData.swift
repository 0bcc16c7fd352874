import Linux

/// A data directory on a read-only file system, as a worn SD card leaves it: the agent goes on in memory.
///
/// Over the directory lies an overlay whose changes stand in the run directory. Every part of the agent works as ever; nothing of
/// what it writes outlives the machine, and so nothing new may be promised.
final class ReadOnlyData: Sendable {
    /// What the overlay is called in the list of mounts.
    private static let source = "wherry-read-only"
    private static let detach: Int32 = 2  // MNT_DETACH

    private let data: String
    /// The directory beneath the overlay, opened before: it shows when that is writable again.
    private let beneath: FileDescriptor

    private init(data: String, beneath: consuming FileDescriptor) {
        self.data = data
        self.beneath = beneath
    }

    /// Covers the directory when its file system is read-only; nil when it is not.
    ///
    /// What an agent that was killed left covered is uncovered first, and decided anew.
    static func cover(_ data: String, run: String) throws -> ReadOnlyData? {
        if isCovered(data) {
            // Not under an agent that still runs.
            close(try DaemonDirectories.lock(data))
            uncover(data)
        }
        let changes = Changes(run: run)
        let directory = try FileDescriptor.open(data, O_RDONLY | O_DIRECTORY)
        guard refusal(of: directory.rawValue) == .readOnly else {
            try changes.forget(unlessUsedBelow: run)
            return nil
        }
        try changes.prepare()
        try systemCall("mount", on: data) { mount(source, data, "overlay", 0, changes.options(lower: data)) }
        // Containers have overlays of their own, which cannot lie in another overlay's changes.
        let containers = data + "/containers"
        try Files.makeDirectories(containers, mode: 0o700)
        let bind = UInt(1 << 12)  // MS_BIND
        try systemCall("mount", on: containers) { mount(changes.containers, containers, nil, bind, nil) }
        return ReadOnlyData(data: data, beneath: directory)
    }

    /// Whether the file system beneath can be written again.
    var isOver: Bool { Self.refusal(of: beneath.rawValue) == nil }

    static func isReadOnly(_ data: String) -> Bool {
        guard let directory = try? FileDescriptor.open(data, O_RDONLY | O_DIRECTORY) else { return false }
        return refusal(of: directory.rawValue) == .readOnly
    }

    /// Why the directory's lock cannot be written; nil when it can. Nothing is written: of an ext4 that has given up after an error
    /// no flag tells, but it refuses a write of nothing.
    private static func refusal(of directory: Int32) -> Errno? {
        let lock = openat(directory, DaemonDirectories.lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { return .last }
        defer { close(lock) }
        return pwrite(lock, "", 0, 0) == 0 ? nil : .last
    }

    /// Takes the overlay away. What has files open there keeps them.
    func uncover() { Self.uncover(data) }

    private static func uncover(_ data: String) {
        umount2(data + "/containers", detach)
        umount2(data, detach)
    }

    /// Whether the list of mounts has the overlay; spaces in it are written in octal.
    private static func isCovered(_ data: String) -> Bool {
        let mounts = (try? Files.read("/proc/self/mounts")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line =
            "\(source) " + data.split(separator: " ", omittingEmptySubsequences: false).joined(separator: "\\040") + " "
        return mounts.split(separator: "\n").contains { $0.hasPrefix(line) }
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

        /// Changes on which a container still runs stay; the others go.
        func forget(unlessUsedBelow run: String) throws {
            guard Files.exists(root) else { return }
            let started = Files.exists(containers) ? try Files.listDirectory(containers) : []
            guard !started.contains(where: { Files.exists("\(run)/containers/\($0)") }) else { return }
            try Files.removeTree(root)
        }

        /// What separates the options of an overlay may stand in a path, too.
        private static func quoted(_ path: String) -> String {
            path.map { ",:\\".contains($0) ? "\\\($0)" : String($0) }.joined()
        }
    }
}
