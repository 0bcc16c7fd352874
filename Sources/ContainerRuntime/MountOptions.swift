/// Mount options as of mount(8) and of the OCI runtime specification, sorted by who takes them.
struct MountOptions {
    /// Flags of a mount to set and to clear, as MOUNT_ATTR_*; the later option wins.
    struct Attributes: Equatable {
        var set: UInt64 = 0
        var clear: UInt64 = 0

        mutating func set(_ flags: UInt64) {
            if flags & Kernel.MountAttribute.accessTime != 0 { clear |= Kernel.MountAttribute.accessTime }
            set = set & ~(flags & Kernel.MountAttribute.accessTime != 0 ? Kernel.MountAttribute.accessTime : 0) | flags
        }

        mutating func clear(_ flags: UInt64) {
            set &= ~flags
            clear |= flags
        }
    }

    struct Propagation: Equatable {
        let kind: UInt64
        let isRecursive: Bool

        init?(_ option: String) {
            switch option {
            case "shared", "rshared": kind = Kernel.Propagation.shared
            case "slave", "rslave": kind = Kernel.Propagation.slave
            case "private", "rprivate": kind = Kernel.Propagation.isPrivate
            case "unbindable", "runbindable": kind = Kernel.Propagation.unbindable
            default: return nil
            }
            isRecursive = option.utf8.first == UInt8(ascii: "r")
        }
    }

    /// Of the mount itself.
    var attributes = Attributes()
    /// Of everything below it, too: `rro` and the like.
    var recursiveAttributes = Attributes()
    var isBind = false
    var isRecursive = false
    /// Changes the flags of the mount that is there.
    var isRemount = false
    var propagation: Propagation?
    /// Shows ids as `uidMappings` and `gidMappings` say; nil for none, else whether below as well.
    var mapsIDs: Bool?
    /// A tmpfs begins with what the image has at its place.
    var copiesUp = false
    /// The file system's own options.
    var data: [(key: String, value: String?)] = []

    init(_ options: [String]) {
        for option in options { add(option) }
    }

    private static let flags: [String: UInt64] = [
        "ro": Kernel.MountAttribute.readOnly, "nosuid": Kernel.MountAttribute.noSuid,
        "nodev": Kernel.MountAttribute.noDev, "noexec": Kernel.MountAttribute.noExec,
        "noatime": Kernel.MountAttribute.noAccessTime, "strictatime": Kernel.MountAttribute.strictAccessTime,
        "nodiratime": Kernel.MountAttribute.noDirectoryAccessTime,
        "nosymfollow": Kernel.MountAttribute.noSymbolicLinks,
    ]

    private static let opposites: [String: UInt64] = [
        "rw": Kernel.MountAttribute.readOnly, "suid": Kernel.MountAttribute.noSuid, "dev": Kernel.MountAttribute.noDev,
        "exec": Kernel.MountAttribute.noExec, "diratime": Kernel.MountAttribute.noDirectoryAccessTime,
        "symfollow": Kernel.MountAttribute.noSymbolicLinks, "atime": Kernel.MountAttribute.noAccessTime,
        "nostrictatime": Kernel.MountAttribute.strictAccessTime,
    ]

    private mutating func add(_ option: String) {
        if let flag = Self.flags[option] { return attributes.set(flag) }
        if let flag = Self.opposites[option] { return attributes.clear(flag) }
        if let propagation = Propagation(option) {
            self.propagation = propagation
            return
        }
        if option.utf8.first == UInt8(ascii: "r") {
            let rest = String(option.dropFirst())
            if let flag = Self.flags[rest] { return recursiveAttributes.set(flag) }
            if let flag = Self.opposites[rest] { return recursiveAttributes.clear(flag) }
        }
        switch option {
        case "bind": isBind = true
        case "rbind":
            isBind = true
            isRecursive = true
        case "idmap": mapsIDs = false
        case "ridmap": mapsIDs = true
        case "remount": isRemount = true
        case "tmpcopyup": copiesUp = true
        case "notmpcopyup": copiesUp = false
        // The kernel's defaults, and what no kernel that this runs on knows any more.
        case "defaults", "async", "relatime", "rrelatime", "norelatime", "rnorelatime", "iversion", "noiversion",
            "loud",
            "silent", "acl", "noacl", "nomand", "nolazytime":
            break
        default:
            if let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) {
                data.append((String(option[..<equals]), String(option[option.utf8.index(after: equals)...])))
            } else {
                data.append((option, nil))
            }
        }
    }

    /// Every option that does not belong to a file system.
    static var known: [String] {
        let simple = Array(flags.keys) + opposites.keys
        let kinds = ["shared", "slave", "private", "unbindable"]
        return
            (simple + simple.map { "r\($0)" } + kinds + kinds.map { "r\($0)" }
            + ["bind", "rbind", "idmap", "ridmap", "tmpcopyup", "defaults", "relatime"]).sorted()
    }
}
