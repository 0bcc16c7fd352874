import Linux
import OCI

/// The pseudo-terminal of a container, from the container's own devpts.
struct Terminal {
    private let master: Int32
    private let peer: Int32

    /// Opens a terminal and, for the first process, puts it at /dev/console. Everything is opened beneath the container's root and checked to be what
    /// it should be: an image may have anything at these names (CVE-2025-52565).
    static func make(
        root: Int32, _ size: RuntimeSpec.ConsoleSize?, mountsConsole: Bool = true
    ) throws(RuntimeError) -> Terminal {
        try stage("make the terminal") {
            let multiplexer = try OpenBeneath.open(
                root: root, path: "/dev/pts/ptmx", flags: O_RDWR | O_NOCTTY, restrictions: .noSymbolicLinks)
            var info = stat()
            try systemCall("fstat", on: "/dev/pts/ptmx") { fstat(multiplexer.rawValue, &info) }
            guard wherry_filesystem_type(multiplexer.rawValue) == Kernel.FileSystem.devpts,
                info.st_mode & S_IFMT == S_IFCHR, wherry_major(UInt64(info.st_rdev)) == 5,
                wherry_minor(UInt64(info.st_rdev)) == 2
            else { throw RuntimeError(.refused, "/dev/pts/ptmx of the container is not a terminal multiplexer") }
            let peer = FileDescriptor(
                adopting: try systemCall("TIOCGPTPEER", on: "/dev/pts/ptmx") {
                    wherry_terminal_peer(multiplexer.rawValue)
                })
            if let size {
                try systemCall("TIOCSWINSZ") { wherry_terminal_resize(multiplexer.rawValue, size.height, size.width) }
            }
            if mountsConsole { try mountConsole(peer.rawValue, root: root) }
            return Terminal(master: multiplexer.release(), peer: peer.release())
        }
    }

    private static func mountConsole(_ peer: Int32, root: Int32) throws {
        let directory = try OpenBeneath.open(
            root: root, path: "/dev", flags: O_PATH | O_DIRECTORY, restrictions: .noSymbolicLinks)
        let file = openat(directory.rawValue, "console", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
        let target = try FileDescriptor.open(at: directory.rawValue, "console", O_PATH | O_NOFOLLOW)
        let console = try DetachedMount.clone(at: peer, "", recursive: false)
        try DetachedMount.attach(console, to: target.rawValue, on: "/dev/console")
    }

    /// Sends the master to whoever has the other end of `console`, and makes the terminal the process's own: its controlling
    /// terminal and its descriptors 0, 1 and 2.
    func takeOver(console: Int32, owner: uid_t) throws(RuntimeError) {
        try stage("hand the terminal over") {
            let name = Array("/dev/pts/ptmx".utf8)
            try systemCall("sendmsg") { wherry_send_descriptor(console, master, name, name.count) }
            if owner != 0 { try systemCall("fchown", on: "the terminal") { fchown(peer, owner, gid_t.max) } }
            try systemCall("TIOCSCTTY") { wherry_terminal_control(peer) }
            for number: Int32 in 0...2 { try systemCall("dup3") { wherry_dup3(peer, number, 0) } }
            for descriptor in [console, master, peer] { close(descriptor) }
        }
    }
}
