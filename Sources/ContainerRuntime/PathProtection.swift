import Linux

/// Hides and write-protects paths of the container.
struct PathProtection {
    let root: Int32

    func apply(masked: [String], readOnly: [String]) throws(RuntimeError) {
        for path in readOnly { try stage("make \(path) read-only") { try protect(path) } }
        guard !masked.isEmpty else { return }
        let null = try stage("open /dev/null") {
            try ContainerDevices.verifiedNode("/dev/null", S_IFCHR, major: 1, minor: 3)
        }
        for path in masked { try stage("mask \(path)") { try mask(path, null.rawValue) } }
    }

    /// A missing path needs no protection; any other failure to open it counts (CVE-2025-31133).
    private func open(_ path: String) throws(SystemError) -> FileDescriptor? {
        do {
            return try OpenBeneath.open(root: root, path: path, flags: O_PATH)
        } catch  where error.errno == .noEntry {
            return nil
        }
    }

    private func protect(_ path: String) throws(SystemError) {
        guard let target = try open(path) else { return }
        let tree = try DetachedMount.clone(at: target.rawValue, "", recursive: true)
        try DetachedMount.makeReadOnly(tree.rawValue, recursive: true, on: path)
        try DetachedMount.attach(tree, to: target.rawValue, on: path)
    }

    private func mask(_ path: String, _ null: Int32) throws(SystemError) {
        guard let target = try open(path) else { return }
        var info = stat()
        try systemCall("fstat", on: path) { fstat(target.rawValue, &info) }
        let cover: FileDescriptor
        if info.st_mode & S_IFMT == S_IFDIR {
            cover = try DetachedMount.fileSystem(
                "tmpfs", source: "masked",
                options: MountOptions(["ro", "nosuid", "nodev", "noexec", "nr_blocks=1", "nr_inodes=2", "mode=555"]))
        } else {
            cover = try DetachedMount.clone(at: null, "", recursive: false)
            // It is the host's, whose mode and owner root inside must not change; a device is written to nevertheless.
            try DetachedMount.makeReadOnly(cover.rawValue, recursive: false, on: path)
        }
        try DetachedMount.attach(cover, to: target.rawValue, on: path)
    }
}
