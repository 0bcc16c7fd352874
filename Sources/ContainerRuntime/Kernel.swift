// Numbers from the kernel's headers that the C modules do not bring to Swift.
enum Kernel {
    static let openTreeClone: UInt32 = 1
    static let openTreeCloexec: UInt32 = 0o2000000
    static let recursive: UInt32 = 0x8000  // AT_RECURSIVE
    static let emptyPath: UInt32 = 0x1000  // AT_EMPTY_PATH

    static let moveFromEmptyPath: UInt32 = 0x4  // MOVE_MOUNT_F_EMPTY_PATH
    static let moveToEmptyPath: UInt32 = 0x40  // MOVE_MOUNT_T_EMPTY_PATH

    /// MOUNT_ATTR_*
    enum MountAttribute {
        static let readOnly: UInt64 = 0x1
        static let noSuid: UInt64 = 0x2
        static let noDev: UInt64 = 0x4
        static let noExec: UInt64 = 0x8
        static let noAccessTime: UInt64 = 0x10
        static let strictAccessTime: UInt64 = 0x20
        static let noDirectoryAccessTime: UInt64 = 0x80
        static let noSymbolicLinks: UInt64 = 0x20_0000
        /// The three access-time modes are one field.
        static let accessTime: UInt64 = 0x70
    }

    /// Propagation types for mount_setattr, equal to the MS_ flags.
    enum Propagation {
        static let isPrivate: UInt64 = 1 << 18
        static let slave: UInt64 = 1 << 19
        static let shared: UInt64 = 1 << 20
        static let unbindable: UInt64 = 1 << 17
    }

    /// fsconfig(2) commands.
    enum FSConfig {
        static let flag: UInt32 = 0
        static let string: UInt32 = 1
        static let create: UInt32 = 6
    }

    static let detach: Int32 = 2  // MNT_DETACH
    static let noFollow: Int32 = 8  // UMOUNT_NOFOLLOW

    /// prctl(2) options.
    enum Process {
        static let setDumpable: Int32 = 4
        static let setKeepCapabilities: Int32 = 8
        static let setName: Int32 = 15
        static let readBounding: Int32 = 23
        static let dropBounding: Int32 = 24
        static let setNoNewPrivileges: Int32 = 38
        static let ambient: Int32 = 47
    }

    /// File systems' magic numbers.
    enum FileSystem {
        static let proc: Int64 = 0x9fa0
        static let sys: Int64 = 0x6265_6572
        static let tmpfs: Int64 = 0x0102_1994
        static let devpts: Int64 = 0x1cd1
    }
}
