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
        if isProtected() {
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
        if let clone = readOnlyClone(path) { return SelfExecutable(descriptor: clone.release()) }
        return SelfExecutable(descriptor: try sealedCopy(path).release())
    }

    /// Starts this program over from such a file, unless it was started that way. For a program whose own clones become
    /// containers: it is what their `/proc/self/exe` names until their program runs.
    public static func enter(arguments: [String]) throws(SystemError) {
        if isProtected() { return }
        let executable = try open()
        let list = CStringArray(arguments)
        try systemCall("execveat", on: "/proc/self/exe") {
            wherry_exec(nil, executable.descriptor, list.pointer, environ)
        }
    }

    private static func isProtected() -> Bool {
        guard let file = try? FileDescriptor.open("/proc/self/exe", O_RDONLY) else { return false }
        let flags = wherry_mount_flags(file.rawValue)
        if flags >= 0, flags & Int64(ST_RDONLY) != 0 { return true }
        let seals = wherry_fcntl_integer(file.rawValue, 1034, 0)  // F_GET_SEALS
        return seals >= 0 && seals & 0x8 != 0  // F_SEAL_WRITE
    }

    private static func readOnlyClone(_ path: String) -> FileDescriptor? {
        let tree = wherry_open_tree(AT_FDCWD, path, Kernel.openTreeClone | Kernel.openTreeCloexec)
        guard tree >= 0 else { return nil }
        let clone = FileDescriptor(adopting: tree)
        let attributes = Kernel.MountAttribute.readOnly | Kernel.MountAttribute.noSuid | Kernel.MountAttribute.noDev
        guard wherry_mount_setattr(tree, "", UInt32(AT_EMPTY_PATH), attributes, 0, 0) == 0 else { return nil }
        return clone
    }

    private static func sealedCopy(_ path: String) throws(SystemError) -> FileDescriptor {
        let source = try FileDescriptor.open(path, O_RDONLY)
        // MFD_CLOEXEC and MFD_ALLOW_SEALING; F_ADD_SEALS with seal, shrink, grow and write.
        let copy = FileDescriptor(
            adopting: try systemCall("memfd_create") { wherry_memfd_create("wherry", 0x1 | 0x2) })
        while try systemCall("sendfile", { sendfile(copy.rawValue, source.rawValue, nil, 1 << 30) }) > 0 {}
        try systemCall("fchmod") { fchmod(copy.rawValue, 0o500) }
        try systemCall("fcntl") { wherry_fcntl_integer(copy.rawValue, 1033, 0xf) }
        return copy
    }
}
