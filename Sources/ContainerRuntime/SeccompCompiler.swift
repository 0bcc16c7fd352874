import CSeccomp
import Linux
import OCI

/// Makes filter programs by libseccomp, which takes some 20 ms for a profile of usual size.
enum SeccompCompiler {
    /// The instructions for a profile.
    ///
    /// - Parameter isOurs: adds what the built-in profile does beyond its rules, see `SeccompPrologue`.
    static func compile(_ profile: RuntimeSpec.Seccomp, isOurs: Bool) throws(RuntimeError) -> [UInt8] {
        let rules = try SeccompRules(profile)
        guard let context = seccomp_init(rules.defaultAction) else {
            throw RuntimeError(.unsupported, "libseccomp cannot make a filter for \(profile.defaultAction)")
        }
        defer { seccomp_release(context) }
        try check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "seccomp_attr_set", "linux.seccomp")
        for (index, token) in rules.architectures.enumerated() {
            let result = seccomp_arch_add(context, token)
            if result != -EEXIST { try check(result, "seccomp_arch_add", "linux.seccomp.architectures[\(index)]") }
        }
        for rule in rules.rules { try add(rule, to: context) }
        let program = try export(context)
        let prologue = SeccompPrologue.instructions(
            for: rules, coversCompatible: rules.architectures.contains(SeccompNames.compatible), isOurs: isOurs)
        let count = (prologue.count + program.count) / 8
        guard count <= 4096 else {  // BPF_MAXINSNS
            throw RuntimeError(
                .unsupported, "linux.seccomp makes a filter of \(count) instructions, and the kernel takes 4096")
        }
        return prologue + program
    }

    private static func add(_ rule: SeccompRules.Rule, to context: scmp_filter_ctx) throws(RuntimeError) {
        for name in rule.names {
            let number = seccomp_syscall_resolve_name(name)
            if number == __NR_SCMP_ERROR { continue }  // not known here: stays with the default action
            for conditions in rule.alternatives {
                try check(
                    seccomp_rule_add_array(context, rule.action, number, UInt32(conditions.count), conditions),
                    "seccomp_rule_add \(name)", rule.place)
            }
        }
    }

    private static func export(_ context: scmp_filter_ctx) throws(RuntimeError) -> [UInt8] {
        try stage("export the seccomp filter") {
            let file = FileDescriptor(adopting: try systemCall("memfd_create") { wherry_memfd_create("seccomp", 1) })
            try check(seccomp_export_bpf(context, file.rawValue), "seccomp_export_bpf", "linux.seccomp")
            try systemCall("lseek") { lseek(file.rawValue, 0, SEEK_SET) }
            return try file.readToEnd(limit: 1 << 20)
        }
    }

    private static func check(_ result: Int32, _ call: String, _ place: String) throws(RuntimeError) {
        guard result < 0 else { return }
        let reason =
            switch -result {
            case EEXIST: "another rule says something else about the same call"
            case EDOM: "the architecture has another byte order than this machine's"
            default: "\(Errno(rawValue: -result))"
            }
        throw RuntimeError(.invalidSpec, "\(place): \(call): \(reason)", errno: -result)
    }
}
