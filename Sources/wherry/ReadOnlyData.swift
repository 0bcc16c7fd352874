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
    ///
    /// While the disk stays so an agent that starts again finds the same overlay. After that it is never used again: the disk
    /// changes beneath it.
    static func cover(_ directory: String, run: String) throws -> ReadOnlyData? {
        let outages = Outage.all(below: run)
        let open = outages.first { !$0.isOver }
        // Not beside an agent that works on it.
        if let open, Files.isMountPoint(open.data) { close(try DaemonDirectories.lock(open.data)) }
        let disk = try FileDescriptor.open(directory, O_RDONLY | O_DIRECTORY)
        guard refusal(of: disk.rawValue) == .readOnly else {
            for outage in outages { try outage.end(unlessUsedBelow: run) }
            return nil
        }
        let outage = open ?? Outage(run: run, number: (outages.last?.number ?? 0) + 1)
        try outage.mount(over: directory)
        return ReadOnlyData(data: outage.data, disk: disk)
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

    /// Where the overlay of one time without a writable disk stands, and its changes.
    private struct Outage {
        private static let name = "read-only-data-"
        private static let detach: Int32 = 2  // MNT_DETACH
        let number: Int
        private let run: String

        init(run: String, number: Int) {
            self.run = run
            self.number = number
        }

        static func all(below run: String) -> [Outage] {
            ((try? Files.listDirectory(run)) ?? []).compactMap { entry in
                guard entry.hasPrefix(name) else { return nil }
                return Int(entry.dropFirst(name.count)).map { Outage(run: run, number: $0) }
            }.sorted { $0.number < $1.number }
        }

        private var root: String { "\(run)/\(Self.name)\(number)" }
        var data: String { root + "/data" }
        private var containers: String { root + "/containers" }
        private var mark: String { root + "/over" }
        var isOver: Bool { Files.exists(mark) }

        func mount(over directory: String) throws {
            for name in ["data", "upper", "work", "containers"] {
                try Files.makeDirectories("\(root)/\(name)", mode: 0o700)
            }
            if !Files.isMountPoint(data) {
                try systemCall("mount", on: data) { Linux.mount("overlay", data, "overlay", 0, options(directory)) }
            }
            // Containers have overlays of their own, which cannot lie in another overlay's changes.
            let bound = data + "/containers"
            guard !Files.isMountPoint(bound) else { return }
            try Files.makeDirectories(bound, mode: 0o700)
            let bind = UInt(1 << 12)  // MS_BIND
            try systemCall("mount", on: bound) { Linux.mount(containers, bound, nil, bind, nil) }
        }

        /// Changes on which a container still runs stay for it; the others go.
        func end(unlessUsedBelow run: String) throws {
            let started = Files.exists(containers) ? try Files.listDirectory(containers) : []
            guard !started.contains(where: { Files.exists("\(run)/containers/\($0)") }) else {
                return try Files.writeAtomically([], to: mark, durable: false)
            }
            if Files.isMountPoint(data) {
                umount2(data + "/containers", Self.detach)
                try systemCall("umount", on: data) { umount2(data, Self.detach) }
            }
            try Files.removeTree(root)
        }

        private func options(_ lower: String) -> String {
            "lowerdir=\(Self.quoted(lower)),upperdir=\(Self.quoted(root))/upper,workdir=\(Self.quoted(root))/work"
        }

        /// What separates the options of an overlay may stand in a path, too.
        private static func quoted(_ path: String) -> String {
            path.map { ",:\\".contains($0) ? "\\\($0)" : String($0) }.joined()
        }
    }
}
