import CSeccomp

/// The names of the specification's seccomp part, and what they mean to libseccomp and the kernel.
enum SeccompNames {
    /// What a filter returns, without the number that some of them carry in their low 16 bits.
    static let actions: [String: UInt32] = [
        "SCMP_ACT_KILL": 0, "SCMP_ACT_KILL_THREAD": 0, "SCMP_ACT_KILL_PROCESS": 0x8000_0000,
        "SCMP_ACT_TRAP": 0x0003_0000, "SCMP_ACT_ERRNO": errno, "SCMP_ACT_TRACE": trace, "SCMP_ACT_ALLOW": allow,
        "SCMP_ACT_LOG": log, "SCMP_ACT_NOTIFY": notify,
    ]
    static let errno: UInt32 = 0x0005_0000
    static let trace: UInt32 = 0x7ff0_0000
    static let allow: UInt32 = 0x7fff_0000
    static let log: UInt32 = 0x7ffc_0000
    static let notify: UInt32 = 0x7fc0_0000
    static let notifyName = "SCMP_ACT_NOTIFY"

    static let operators: [String: scmp_compare] = [
        "SCMP_CMP_NE": SCMP_CMP_NE, "SCMP_CMP_LT": SCMP_CMP_LT, "SCMP_CMP_LE": SCMP_CMP_LE, "SCMP_CMP_EQ": SCMP_CMP_EQ,
        "SCMP_CMP_GE": SCMP_CMP_GE, "SCMP_CMP_GT": SCMP_CMP_GT, "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ,
    ]

    /// The specification's names, and libseccomp's own: it has the tokens, and may be older than the specification.
    static let architectures: [String: String] = [
        "SCMP_ARCH_X86": "x86", "SCMP_ARCH_X86_64": "x86_64", "SCMP_ARCH_X32": "x32", "SCMP_ARCH_ARM": "arm",
        "SCMP_ARCH_AARCH64": "aarch64", "SCMP_ARCH_MIPS": "mips", "SCMP_ARCH_MIPS64": "mips64",
        "SCMP_ARCH_MIPS64N32": "mips64n32", "SCMP_ARCH_MIPSEL": "mipsel", "SCMP_ARCH_MIPSEL64": "mipsel64",
        "SCMP_ARCH_MIPSEL64N32": "mipsel64n32", "SCMP_ARCH_PPC": "ppc", "SCMP_ARCH_PPC64": "ppc64",
        "SCMP_ARCH_PPC64LE": "ppc64le", "SCMP_ARCH_S390": "s390", "SCMP_ARCH_S390X": "s390x",
        "SCMP_ARCH_PARISC": "parisc", "SCMP_ARCH_PARISC64": "parisc64", "SCMP_ARCH_RISCV64": "riscv64",
        "SCMP_ARCH_LOONGARCH64": "loongarch64", "SCMP_ARCH_M68K": "m68k", "SCMP_ARCH_SH": "sh",
        "SCMP_ARCH_SHEB": "sheb",
    ]

    static let flags: [String: UInt32] = [
        "SECCOMP_FILTER_FLAG_TSYNC": threadSync, "SECCOMP_FILTER_FLAG_LOG": 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": waitKillable,
    ]
    static let threadSync: UInt32 = 1
    static let newListener: UInt32 = 8
    /// With TSYNC, an error instead of the number of the thread that stands in the way: that result is the listener's.
    static let threadSyncErrno: UInt32 = 16
    static let waitKillable: UInt32 = 32

    /// Calls younger than Debian 12's libseccomp. From 424 on a call has one number on every architecture we run on.
    static let laterCalls: [String: UInt32] = [
        "cachestat": 451, "fchmodat2": 452, "map_shadow_stack": 453, "futex_wake": 454, "futex_wait": 455,
        "futex_requeue": 456, "statmount": 457, "listmount": 458, "lsm_get_self_attr": 459, "lsm_set_self_attr": 460,
        "lsm_list_modules": 461, "mseal": 462, "setxattrat": 463, "getxattrat": 464, "listxattrat": 465,
        "removexattrat": 466, "open_tree_attr": 467, "file_getattr": 468, "file_setattr": 469,
    ]

    static var libraryVersion: String {
        guard let version = seccomp_version()?.pointee else { return "?" }
        return "\(version.major).\(version.minor).\(version.micro)"
    }

    #if arch(x86_64)
        static let isX86 = true
        static let native: UInt32 = 0xc000_003e
        /// What programs of 32 bits run as.
        static let compatible: UInt32 = 0x4000_0003
        static let compatibleName = "SCMP_ARCH_X86"
    #else
        static let isX86 = false
        static let native: UInt32 = 0xc000_00b7
        static let compatible: UInt32 = 0x4000_0028
        static let compatibleName = "SCMP_ARCH_ARM"
    #endif
}

/// What `features` tells about seccomp.
public enum SeccompFeatures {
    public static var actions: [String] { SeccompNames.actions.keys.sorted() }
    public static var operators: [String] { SeccompNames.operators.keys.sorted() }
    /// Those that the libseccomp in use knows.
    public static var architectures: [String] {
        SeccompNames.architectures.filter { seccomp_arch_resolve_name($0.value) != 0 }.keys.sorted()
    }
    public static var knownFlags: [String] { SeccompNames.flags.keys.sorted() }
    /// Those that the running kernel knows.
    public static var supportedFlags: [String] {
        SeccompNames.flags.filter { SeccompFilter.kernelKnows($0.value) }.keys.sorted()
    }
}
