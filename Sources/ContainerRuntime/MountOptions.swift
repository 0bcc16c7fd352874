/// Mount options as of mount(8), sorted by who takes them.
struct MountOptions {
    /// MOUNT_ATTR_* of the mount.
    var attributes: UInt64 = 0
    var isBind = false
    var isRecursive = false
    var propagation: UInt64 = Kernel.Propagation.isPrivate
    /// The file system's own options.
    var data: [(key: String, value: String?)] = []

    init(_ options: [String]) {
        for option in options { add(option) }
    }

    private mutating func add(_ option: String) {
        switch option {
        case "ro", "rro": attributes |= Kernel.MountAttribute.readOnly
        case "nosuid": attributes |= Kernel.MountAttribute.noSuid
        case "nodev": attributes |= Kernel.MountAttribute.noDev
        case "noexec": attributes |= Kernel.MountAttribute.noExec
        case "noatime": attributes |= Kernel.MountAttribute.noAccessTime
        case "strictatime": attributes |= Kernel.MountAttribute.strictAccessTime
        case "nodiratime": attributes |= Kernel.MountAttribute.noDirectoryAccessTime
        case "bind": isBind = true
        case "rbind":
            isBind = true
            isRecursive = true
        case "slave", "rslave": propagation = Kernel.Propagation.slave
        case "unbindable", "runbindable": propagation = Kernel.Propagation.unbindable
        // The kernel's defaults; a bind mount never loses what its source has.
        case "rw", "suid", "dev", "exec", "relatime", "atime", "diratime", "defaults", "private", "rprivate", "async":
            break
        default:
            if let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) {
                data.append((String(option[..<equals]), String(option[option.utf8.index(after: equals)...])))
            } else {
                data.append((option, nil))
            }
        }
    }
}
