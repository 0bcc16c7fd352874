import CSeccomp
import JSON
import Linux
import OCI

/// A filter program for seccomp(2), made by libseccomp.
///
/// Making one costs some 20 ms, so programs are kept in a root-only directory. A kept file holds the whole text it was made
/// for, libseccomp's version included, and is used only when that is equal: a mistaken hit cannot happen.
struct SeccompFilter {
    /// 8-byte BPF instructions.
    private let program: [UInt8]

    /// The filter a specification asks for; nil for none.
    static func load(
        _ spec: RuntimeSpec, capabilities: RuntimeSpec.Capabilities?, cache: String
    ) throws -> SeccompFilter? {
        let granted = Set(capabilities?.bounding ?? [])
        let profile: RuntimeSpec.Seccomp
        let key: String
        if let custom = spec.linux.seccomp {
            profile = custom
            key = "custom \(try JSONValue(encoding: custom))"
        } else if spec.wherry.seccomp == .default {
            profile = SeccompDefault.profile(capabilities: granted, isX86: isX86)
            key = "default \(SeccompDefault.version) \(granted.sorted())"
        } else {
            return nil
        }
        let isDefault = spec.linux.seccomp == nil
        let inputs = "wherry 1, libseccomp \(version), \(isX86 ? "x86-64" : "arm64"): \(key)"
        if let program = SeccompCache.read(cache, inputs) { return SeccompFilter(program: program) }
        let program = (isDefault ? prologue() : []) + (try compile(profile))
        SeccompCache.write(cache, inputs, program)
        return SeccompFilter(program: program)
    }

    /// Filters this process from now on.
    func install() throws(SystemError) {
        try systemCall("seccomp") {
            program.withUnsafeBytes { bytes in
                bytes.baseAddress.map { wherry_seccomp_load($0, bytes.count / 8, 0) } ?? 0
            }
        }
    }

    #if arch(x86_64)
        static let isX86 = true
        private static let auditArchitecture: UInt32 = 0xc000_003e
    #else
        static let isX86 = false
        private static let auditArchitecture: UInt32 = 0xc000_00b7
    #endif

    private static var version: String {
        guard let version = seccomp_version()?.pointee else { return "?" }
        return "\(version.major).\(version.minor).\(version.micro)"
    }

    private static func compile(_ profile: RuntimeSpec.Seccomp) throws -> [UInt8] {
        let action = try code(profile.defaultAction, profile.defaultErrnoRet)
        guard let context = seccomp_init(action) else { throw SystemError(call: "seccomp_init", errno: .invalid) }
        defer { seccomp_release(context) }
        try check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "seccomp_attr_set")
        for name in profile.architectures ?? [] {
            guard let token = architectures[name] else { continue }
            let result = seccomp_arch_add(context, token)
            if result != -EEXIST { try check(result, "seccomp_arch_add \(name)") }
        }
        for rule in profile.syscalls ?? [] { try add(rule, to: context, defaultAction: action) }
        let file = FileDescriptor(adopting: try systemCall("memfd_create") { wherry_memfd_create("seccomp", 1) })
        try check(seccomp_export_bpf(context, file.rawValue), "seccomp_export_bpf")
        try systemCall("lseek") { lseek(file.rawValue, 0, SEEK_SET) }
        return try file.readToEnd(limit: 8 * 4096)
    }

    private static func add(
        _ rule: RuntimeSpec.Seccomp.Rule, to context: scmp_filter_ctx, defaultAction: UInt32
    ) throws {
        let action = try code(rule.action, rule.errnoRet)
        if action == defaultAction { return }
        let arguments = try (rule.args ?? []).map { argument in
            guard let comparison = comparisons[argument.op], argument.index < 6 else {
                throw RuntimeError(.invalidSpec, "seccomp argument rule \"\(argument.op)\" is not known")
            }
            // The specification's value is libseccomp's mask for a masked comparison.
            return scmp_arg_cmp(
                arg: argument.index, op: comparison, datum_a: argument.value, datum_b: argument.valueTwo ?? 0)
        }
        for name in rule.names {
            let number = seccomp_syscall_resolve_name(name)
            if number == -1 { continue }  // unknown to this libseccomp: stays with the default action
            try check(
                seccomp_rule_add_array(context, action, number, UInt32(arguments.count), arguments),
                "seccomp_rule_add \(name)")
        }
    }

    private static func check(_ result: Int32, _ call: String) throws(SystemError) {
        if result < 0 { throw SystemError(call: call, errno: Errno(rawValue: -result)) }
    }

    private static func code(_ action: String, _ errnoRet: UInt32?) throws(RuntimeError) -> UInt32 {
        switch action {
        case "SCMP_ACT_ALLOW": return 0x7fff_0000
        case "SCMP_ACT_LOG": return 0x7ffc_0000
        case "SCMP_ACT_ERRNO": return 0x0005_0000 | (errnoRet ?? 1) & 0xffff
        case "SCMP_ACT_TRACE": return 0x7ff0_0000 | (errnoRet ?? 1) & 0xffff
        case "SCMP_ACT_TRAP": return 0x0003_0000
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
        case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
        default: throw RuntimeError(.invalidSpec, "seccomp action \"\(action)\" is not supported")
        }
    }

    private static let architectures: [String: UInt32] = [
        "SCMP_ARCH_X86": 0x4000_0003, "SCMP_ARCH_X86_64": 0xc000_003e, "SCMP_ARCH_X32": 0x4000_003e,
        "SCMP_ARCH_ARM": 0x4000_0028, "SCMP_ARCH_AARCH64": 0xc000_00b7, "SCMP_ARCH_RISCV64": 0xc000_00f3,
    ]

    private static let comparisons: [String: scmp_compare] = [
        "SCMP_CMP_NE": SCMP_CMP_NE, "SCMP_CMP_LT": SCMP_CMP_LT, "SCMP_CMP_LE": SCMP_CMP_LE, "SCMP_CMP_EQ": SCMP_CMP_EQ,
        "SCMP_CMP_GE": SCMP_CMP_GE, "SCMP_CMP_GT": SCMP_CMP_GT, "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ,
    ]
}

extension SeccompFilter {
    /// Instructions before libseccomp's: a call newer than the profile is ENOSYS (programs then try an older one), and nobody
    /// types into the terminal of another session (TIOCSTI, TIOCLINUX; on the low 32 bits, as the kernel reads them).
    private static func prologue() -> [UInt8] {
        let newest = SeccompDefault.allNames.map { seccomp_syscall_resolve_name(String($0)) }.max() ?? 0
        let ioctl = seccomp_syscall_resolve_name("ioctl")
        let (load, jumpEqual, jumpGreater, answer): (UInt16, UInt16, UInt16, UInt16) = (0x20, 0x15, 0x25, 0x06)
        let instructions: [(UInt16, UInt8, UInt8, UInt32)] = [
            (load, 0, 0, 4),  // architecture
            (jumpEqual, 0, 8, auditArchitecture),
            (load, 0, 0, 0),  // number; x32 calls have bit 30 and are beyond the newest
            (jumpGreater, 5, 0, UInt32(bitPattern: newest)),
            (jumpEqual, 0, 5, UInt32(bitPattern: ioctl)),
            (load, 0, 0, 24),  // low half of the second argument
            (jumpEqual, 1, 0, 0x5412),
            (jumpEqual, 0, 2, 0x541c),
            (answer, 0, 0, 0x0005_0000 | UInt32(EPERM)),
            (answer, 0, 0, 0x0005_0000 | UInt32(ENOSYS)),
        ]
        return instructions.flatMap { code, ifTrue, ifFalse, value in
            [UInt8(truncatingIfNeeded: code), UInt8(truncatingIfNeeded: code >> 8), ifTrue, ifFalse]
                + (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
    }
}

/// Compiled filters on disk.
enum SeccompCache {
    static func read(_ directory: String, _ inputs: String) -> [UInt8]? {
        let key = Array(inputs.utf8)
        guard let bytes = try? Files.read(path(directory, key), limit: 1 << 20), bytes.count > key.count + 1,
            bytes[..<key.count].elementsEqual(key), bytes[key.count] == 0, (bytes.count - key.count - 1) % 8 == 0
        else { return nil }
        return Array(bytes[(key.count + 1)...])
    }

    /// Not having a cache only costs time.
    static func write(_ directory: String, _ inputs: String, _ program: [UInt8]) {
        let key = Array(inputs.utf8)
        mkdir(directory, 0o700)
        try? Files.writeAtomically(key + [0] + program, to: path(directory, key), durable: false)
    }

    private static func path(_ directory: String, _ key: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
        for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "\(directory)/\(String(hash, radix: 16))"
    }
}
