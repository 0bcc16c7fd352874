import Linux
import OCI

/// Capabilities as bits.
enum CapabilitySet {
    /// The five sets of a process.
    struct Five {
        var bounding: UInt64 = 0
        var effective: UInt64 = 0
        var permitted: UInt64 = 0
        var inheritable: UInt64 = 0
        var ambient: UInt64 = 0
    }

    /// In the order of the kernel's numbers (linux/capability.h).
    static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    /// The sets of a specification; nil is five empty ones. Names that are not known give nothing, as the specification has
    /// it: see `unknown`. Ambient is cut to what is permitted and inheritable.
    static func sets(_ capabilities: RuntimeSpec.Capabilities?) -> Five {
        guard let capabilities else { return Five() }
        var five = Five(
            bounding: bits(capabilities.bounding), effective: bits(capabilities.effective),
            permitted: bits(capabilities.permitted), inheritable: bits(capabilities.inheritable),
            ambient: bits(capabilities.ambient))
        five.ambient &= five.permitted & five.inheritable
        return five
    }

    private static func bits(_ names: [String]?) -> UInt64 {
        (names ?? []).reduce(into: 0) { result, name in
            if let bit = bit(name) { result |= 1 << UInt64(bit) }
        }
    }

    private static func bit(_ name: String) -> Int? {
        name.utf8.starts(with: "CAP_".utf8) ? names.firstIndex(of: String(name.dropFirst(4))) : nil
    }

    /// Names that no kernel known to us has.
    static func unknown(_ capabilities: RuntimeSpec.Capabilities?) -> [String] {
        guard let capabilities else { return [] }
        let sets = [
            capabilities.bounding, capabilities.effective, capabilities.permitted, capabilities.inheritable,
            capabilities.ambient,
        ]
        return Set(sets.flatMap { $0 ?? [] }).filter { bit($0) == nil }.sorted()
    }

    /// Drops from the bounding set what is not kept. Needs CAP_SETPCAP, so it comes before the change of user.
    static func dropBounding(keeping kept: UInt64) throws(SystemError) {
        for bit in 0..<64 where kept & (1 << UInt64(bit)) == 0 {
            let held = wherry_prctl(Kernel.Process.readBounding, UInt(bit), 0, 0, 0)
            if held < 0 { return }  // past the kernel's last capability
            if held == 0 { continue }
            try systemCall("prctl", on: "PR_CAPBSET_DROP \(bit)") {
                wherry_prctl(Kernel.Process.dropBounding, UInt(bit), 0, 0, 0)
            }
        }
    }

    /// Sets the others, each cut to what this process holds: what the agent itself lacks it cannot give.
    static func apply(_ five: Five) throws(SystemError) {
        var (effective, permitted, inheritable): (UInt64, UInt64, UInt64) = (0, 0, 0)
        try systemCall("capget") { wherry_capget(&effective, &permitted, &inheritable) }
        let newPermitted = five.permitted & permitted
        let newInheritable = five.inheritable & (permitted | inheritable)
        try systemCall("capset") { wherry_capset(five.effective & newPermitted, newPermitted, newInheritable) }
        _ = wherry_prctl(Kernel.Process.ambient, 4, 0, 0, 0)  // PR_CAP_AMBIENT_CLEAR_ALL
        for bit in 0..<64 where five.ambient & newPermitted & newInheritable & (1 << UInt64(bit)) != 0 {
            try systemCall("prctl", on: "PR_CAP_AMBIENT_RAISE \(bit)") {
                wherry_prctl(Kernel.Process.ambient, 2, UInt(bit), 0, 0)
            }
        }
    }
}
