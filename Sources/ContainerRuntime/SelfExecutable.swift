public import Linux

/// This program's file, opened so that nobody who gets hold of the descriptor, or of `/proc/PID/exe` of a process started from
/// it, can write the file (CVE-2019-5736).
///
/// It is a detached clone of the file's mount with the read-only flag; where that cannot be had, a sealed copy in memory.
/// The descriptor stays open as long as the program runs.
public struct SelfExecutable: Sendable {
    let descriptor: Int32

    /// The path to start it by, in this process.
    public var path: String { "/proc/self/fd/\(descriptor)" }

    /// Opens the running program; by its path where /proc is not mounted.
    public static func open() throws(SystemError) -> SelfExecutable {
        // A detached mount cannot be cloned again, and need not be.
        if isProtected {
            return SelfExecutable(descriptor: try FileDescriptor.open("/proc/self/exe", O_PATH).release())
        }
        do {
            return try open(path: "/proc/self/exe")
        } catch {
            guard error.errno == .noEntry, let path = Program.path else { throw error }
            return try open(path: path)
        }
    }

    /// Opens another build of it, such as a test's probe.
    public static func open(path: String) throws(SystemError) -> SelfExecutable {
        SelfExecutable(descriptor: try systemCall("open_tree", on: path) { wherry_protected_copy(path) })
    }

    /// Whether this process runs from such a file, as a program must whose own clones become containers: it is what their
    /// `/proc/self/exe` names until their program runs. CLinux starts a runtime's verb over from one before `main`.
    public static var isProtected: Bool { wherry_is_protected() == 1 }
}
