import Linux
import OCI

/// Makes the device nodes and links of /dev, through a descriptor of the container's own /dev.
struct ContainerDevices {
    let root: Int32

    private static let standard = [
        RuntimeSpec.Device(type: "c", path: "/dev/null", major: 1, minor: 3),
        RuntimeSpec.Device(type: "c", path: "/dev/zero", major: 1, minor: 5),
        RuntimeSpec.Device(type: "c", path: "/dev/full", major: 1, minor: 7),
        RuntimeSpec.Device(type: "c", path: "/dev/random", major: 1, minor: 8),
        RuntimeSpec.Device(type: "c", path: "/dev/urandom", major: 1, minor: 9),
        RuntimeSpec.Device(type: "c", path: "/dev/tty", major: 5, minor: 0),
    ]

    private static let links = [
        ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
    ]

    /// Nothing is made in a /dev that is the host's by a bind mount.
    func make(_ devices: [RuntimeSpec.Device], mounts: [RuntimeSpec.Mount]) throws(RuntimeError) {
        let isHosts = mounts.contains { $0.destination == "/dev" && MountOptions($0.options ?? []).isBind }
        if isHosts { return }
        let old = umask(0)
        defer { umask(old) }
        try stage("make /dev") {
            let made = try OpenBeneath.makeDirectories(root: root, path: "/dev")
            made.close()
            // An image whose /dev is a link would make them elsewhere (CVE-2026-41579).
            let directory = try OpenBeneath.open(
                root: root, path: "/dev", flags: O_PATH | O_DIRECTORY, restrictions: .noSymbolicLinks)
            for device in Self.standard {
                try makeNode(device, in: directory.rawValue, String(device.path.dropFirst(5)))
            }
            for (name, target) in Self.links where symlinkat(target, directory.rawValue, name) != 0 {
                guard Errno.last == .exists else {
                    throw SystemError(call: "symlinkat", errno: .last, subject: "/dev/\(name)")
                }
            }
        }
        for device in devices { try makeExtra(device) }
    }

    private func makeExtra(_ device: RuntimeSpec.Device) throws(RuntimeError) {
        try stage("make device \(device.path)") {
            let parent = try OpenBeneath.makeDirectories(root: root, path: Files.directory(of: device.path))
            guard let name = device.path.split(separator: "/").last else {
                throw RuntimeError(.invalidSpec, "device path \"\(device.path)\" is not valid")
            }
            try makeNode(device, in: parent.rawValue, String(name))
        }
    }

    private func makeNode(_ device: RuntimeSpec.Device, in parent: Int32, _ name: String) throws {
        let kind: mode_t
        switch device.type {
        case "c", "u": kind = S_IFCHR
        case "b": kind = S_IFBLK
        case "p": kind = S_IFIFO
        default: throw RuntimeError(.invalidSpec, "device type \"\(device.type)\" is not c, u, b or p")
        }
        let mode = kind | (device.fileMode ?? 0o666) & 0o7777
        if wherry_mknodat(parent, name, mode, device.major ?? 0, device.minor ?? 0) == 0 {
            try systemCall("fchownat", on: device.path) {
                fchownat(parent, name, device.uid ?? 0, device.gid ?? 0, AT_SYMLINK_NOFOLLOW)
            }
        } else if Errno.last == .notPermitted {
            try bindHostNode(device, kind, in: parent, name)
        } else if Errno.last == .exists {
            try check(device, kind, in: parent, name)
        } else {
            throw SystemError(call: "mknodat", errno: .last, subject: device.path)
        }
    }

    /// What is there already must be what is asked for.
    private func check(_ device: RuntimeSpec.Device, _ kind: mode_t, in parent: Int32, _ name: String) throws {
        var info = stat()
        try systemCall("fstatat", on: device.path) { fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) }
        let isSame =
            info.st_mode & S_IFMT == kind
            && (kind == S_IFIFO
                || wherry_major(UInt64(info.st_rdev)) == device.major ?? 0
                    && wherry_minor(UInt64(info.st_rdev)) == device.minor ?? 0)
        guard isSame else {
            throw RuntimeError(.refused, "\(device.path) exists in the container's root and is another kind of file")
        }
    }

    /// Where nodes may not be made, as inside another container, the host's node is mounted instead.
    private func bindHostNode(_ device: RuntimeSpec.Device, _ kind: mode_t, in parent: Int32, _ name: String) throws {
        let node = try Self.verifiedNode(device.path, kind, major: device.major ?? 0, minor: device.minor ?? 0)
        let file = try FileDescriptor.open(at: parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o666)
        file.close()
        let target = try FileDescriptor.open(at: parent, name, O_PATH | O_NOFOLLOW)
        let tree = try DetachedMount.clone(at: node.rawValue, "", recursive: false)
        // Mode and owner stay the host's; a device is written to nevertheless.
        try DetachedMount.makeReadOnly(tree.rawValue, recursive: false, on: device.path)
        try DetachedMount.attach(tree, to: target.rawValue, on: device.path)
    }

    /// A descriptor that certainly is this device, not something put in its place (CVE-2025-31133).
    static func verifiedNode(
        _ path: String, _ kind: mode_t, major: UInt32, minor: UInt32
    ) throws(SystemError) -> FileDescriptor {
        let node = try FileDescriptor.open(path, O_PATH | O_NOFOLLOW)
        var info = stat()
        try systemCall("fstat", on: path) { fstat(node.rawValue, &info) }
        guard info.st_mode & S_IFMT == kind, wherry_major(UInt64(info.st_rdev)) == major,
            wherry_minor(UInt64(info.st_rdev)) == minor
        else { throw SystemError(call: "fstat", errno: .noDevice, subject: path) }
        return node
    }
}
