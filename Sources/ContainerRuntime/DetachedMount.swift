import Linux

/// Mounts that exist as descriptors first: flags are set before anyone can see them, and they are attached to a descriptor of
/// the target, not to a path that could be exchanged meanwhile.
///
/// Needs Linux 5.12 (`mount_setattr`).
enum DetachedMount {
    /// A new file system.
    static func fileSystem(
        _ type: String, source: String? = nil, options: MountOptions
    ) throws(SystemError) -> FileDescriptor {
        let context = FileDescriptor(
            adopting: try systemCall("fsopen", on: type) { wherry_fsopen(type, 1) })  // FSOPEN_CLOEXEC
        if let source { try configure(context.rawValue, "source", source) }
        for option in options.data { try configure(context.rawValue, option.key, option.value) }
        return try mount(context.rawValue, type, attributes: options.attributes.set | options.recursiveAttributes.set)
    }

    static func configure(_ context: Int32, _ key: String, _ value: String?) throws(SystemError) {
        let command = value == nil ? Kernel.FSConfig.flag : Kernel.FSConfig.string
        let subject = value.map { "\(key)=\($0)" } ?? key
        try explained(context, "fsconfig", subject) { wherry_fsconfig(context, command, key, value, 0) }
    }

    static func mount(_ context: Int32, _ type: String, attributes: UInt64) throws(SystemError) -> FileDescriptor {
        try explained(context, "fsconfig", type) { wherry_fsconfig(context, Kernel.FSConfig.create, nil, nil, 0) }
        return FileDescriptor(
            adopting: try systemCall("fsmount", on: type) { wherry_fsmount(context, 1, UInt32(attributes)) })
    }

    /// The kernel tells more than an error number: its messages are read from the context.
    private static func explained(
        _ context: Int32, _ call: StaticString, _ subject: String, _ body: () -> Int32
    ) throws(SystemError) {
        do {
            try systemCall(call, on: subject, body)
        } catch {
            var buffer = [UInt8](repeating: 0, count: 512)
            let count = buffer.withUnsafeMutableBytes { read(context, $0.baseAddress, $0.count) }
            guard count > 2 else { throw error }
            let message = String(decoding: buffer[2..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            throw SystemError(call: error.call, errno: error.errno, subject: "\(subject) (\(message))")
        }
    }

    /// A copy of the mount at `path`, or at the descriptor itself when the path is empty; private, unless it keeps what the
    /// mount has.
    static func clone(
        at directory: Int32 = AT_FDCWD, _ path: String, recursive: Bool, keepsPropagation: Bool = false
    ) throws(SystemError) -> FileDescriptor {
        let tree = try openTree(at: directory, path, recursive: recursive)
        if keepsPropagation { return tree }
        try setAttributes(
            tree.rawValue, MountOptions.Attributes(), recursive: recursive, propagation: Kernel.Propagation.isPrivate,
            on: path)
        return tree
    }

    /// A copy with the flags of a bind mount, set before anyone can see it.
    static func bind(
        _ path: String, _ options: MountOptions, keepsPropagation: Bool = false
    ) throws(SystemError) -> FileDescriptor {
        let tree = try openTree(path, recursive: options.isRecursive)
        let propagation = options.propagation?.kind ?? (keepsPropagation ? 0 : Kernel.Propagation.isPrivate)
        let attributes = options.recursiveAttributes
        if options.isRecursive || attributes != MountOptions.Attributes() {
            try setAttributes(
                tree.rawValue, attributes, recursive: true,
                propagation: options.propagation?.isRecursive == false ? 0 : propagation, on: path)
        }
        try setAttributes(tree.rawValue, options.attributes, recursive: false, propagation: propagation, on: path)
        return tree
    }

    private static func openTree(
        at directory: Int32 = AT_FDCWD, _ path: String, recursive: Bool
    ) throws(SystemError) -> FileDescriptor {
        let flags =
            Kernel.openTreeClone | Kernel.openTreeCloexec | (recursive ? Kernel.recursive : 0)
            | (path.isEmpty ? Kernel.emptyPath : 0)
        return FileDescriptor(
            adopting: try systemCall("open_tree", on: path) { wherry_open_tree(directory, path, flags) })
    }

    static func makeReadOnly(_ mount: Int32, recursive: Bool, on subject: String) throws(SystemError) {
        var attributes = MountOptions.Attributes()
        attributes.set(Kernel.MountAttribute.readOnly)
        try setAttributes(mount, attributes, recursive: recursive, on: subject)
    }

    static func setAttributes(
        _ mount: Int32, _ attributes: MountOptions.Attributes, recursive: Bool, propagation: UInt64 = 0,
        on subject: String
    ) throws(SystemError) {
        if attributes == MountOptions.Attributes(), propagation == 0 { return }
        let flags = Kernel.emptyPath | (recursive ? Kernel.recursive : 0)
        try systemCall("mount_setattr", on: subject) {
            wherry_mount_setattr(mount, "", flags, attributes.set, attributes.clear, propagation)
        }
    }

    /// Attaches to the file or directory that `target` is open on.
    static func attach(_ mount: borrowing FileDescriptor, to target: Int32, on subject: String) throws(SystemError) {
        try attach(mount.rawValue, to: target, on: subject)
    }

    static func attach(_ from: Int32, to target: Int32, on subject: String) throws(SystemError) {
        try systemCall("move_mount", on: subject) {
            wherry_move_mount(from, "", target, "", Kernel.moveFromEmptyPath | Kernel.moveToEmptyPath)
        }
    }
}
