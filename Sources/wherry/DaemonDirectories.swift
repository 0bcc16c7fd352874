import JSON
import Linux

/// A daemon's two directories, made, locked and checked before anything else touches them.
final class DaemonDirectories: Sendable {
    /// The layout of the data directory. A directory of a newer layout is refused, never converted down.
    static let layoutVersion = 1
    static let lockName = "lock"

    /// The data directory, or what lies over it while its file system is read-only.
    let data: String
    let run: String
    /// The data directory itself.
    let disk: String
    /// Set when the disk is read-only, and what is written stands in memory.
    let readOnlyData: ReadOnlyData?
    private let lock: Int32

    var socket: String { "\(run)/wherry.sock" }

    /// - Parameter role: "agent" or "hub"; a data directory belongs to one of them.
    init(_ options: DirectoryOptions, role: String) throws {
        disk = try Self.absolute(options.data)
        run = try Self.absolute(options.run)
        do {
            try Files.makeDirectories(disk, mode: 0o700)
            try Files.makeDirectories(run, mode: 0o700)
        } catch {
            throw CommandError(
                "cannot make the \(role)'s directories \(disk) and \(run): \(error); check --data-dir and --run-dir")
        }
        // A hub is what devices trust to forget nothing: it does not go on in memory.
        readOnlyData = role == "agent" ? try ReadOnlyData.cover(disk, run: run) : nil
        data = readOnlyData?.data ?? disk
        lock = try Self.lock(data)
        try Self.checkLayout(data, role: role)
    }

    deinit {
        Linux.close(lock)
    }

    static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { throw CommandError("the current directory cannot be read") }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }

    static func lock(_ data: String) throws -> Int32 {
        let path = "\(data)/\(lockName)"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandError("cannot open \(path): \(Errno.last)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Linux.close(descriptor)
            throw CommandError(
                "data directory \(data) is in use by another wherry; stop it or give another --data-dir")
        }
        return descriptor
    }

    private static func checkLayout(_ data: String, role: String) throws {
        let path = "\(data)/layout.json"
        guard Files.exists(path) else {
            let layout: JSONValue = ["version": .integer(Int64(layoutVersion)), "role": .string(role)]
            try Files.writeAtomically(layout.serialized(), to: path)
            return
        }
        let layout: JSONValue
        do {
            layout = try JSONValue(parsing: try Files.read(path))
        } catch {
            throw CommandError("\(path) is damaged (\(error)); restore it from a backup of the data directory")
        }
        guard let version = layout["version"]?.intValue, let owner = layout["role"]?.stringValue else {
            throw CommandError("\(path) is damaged: it names no version and role; restore it from a backup")
        }
        guard version <= layoutVersion else {
            throw CommandError(
                "data directory \(data) has layout \(version), this wherry \(Wherry.version) knows up to \(layoutVersion);"
                    + " use a newer wherry or another --data-dir")
        }
        guard owner == role else {
            throw CommandError(
                "data directory \(data) belongs to a wherry \(owner), not to a \(role); give another --data-dir")
        }
    }
}
