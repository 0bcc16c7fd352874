import CSeccomp
import Linux
import OCI

/// A filter program for seccomp(2), with all that loading it needs.
struct SeccompFilter {
    /// 8-byte BPF instructions.
    let program: [UInt8]
    /// SECCOMP_FILTER_FLAG_*.
    let flags: UInt32
    /// Where the listener goes, when the filter has one.
    var listener: SeccompListener?

    /// The filter a specification asks for; nil for none. Reads and connects to the host's files.
    ///
    /// - Parameters:
    ///   - cache: a directory for compiled programs.
    ///   - state: the container's, for the agent of `SCMP_ACT_NOTIFY`.
    ///   - pid: the process's number in the runtime's pid namespace; nil when it is this process.
    static func load(
        _ spec: RuntimeSpec, capabilities: RuntimeSpec.Capabilities?, cache: String, state: OCIState? = nil,
        pid: pid_t? = nil
    ) throws(RuntimeError) -> SeccompFilter? {
        guard let profile = spec.linux.seccomp else {
            guard spec.wherry.seccomp == .default else { return nil }
            let granted = Set(capabilities?.bounding ?? [])
            let program = try cached(cache, SeccompKey(capabilities: granted)) { () throws(RuntimeError) in
                try SeccompCompiler.compile(
                    SeccompDefault.profile(capabilities: granted, isX86: SeccompNames.isX86), isOurs: true)
            }
            return SeccompFilter(program: program, flags: 0)
        }
        let flags = try flags(profile)
        let program = try cached(cache, SeccompKey(profile, flags: flags)) { () throws(RuntimeError) in
            try SeccompCompiler.compile(profile, isOurs: false)
        }
        return SeccompFilter(
            program: program, flags: flags,
            listener: profile.asks ? try SeccompListener(profile, state: state, pid: pid) : nil)
    }

    /// Filters this process from now on.
    func install() throws(RuntimeError) {
        let (program, flags, message) = (program, flags, listener?.message ?? [])
        let result = program.withUnsafeBytes { program -> Int32 in
            guard let start = program.baseAddress else { return 0 }
            guard let listener else { return wherry_seccomp_set(start, program.count / 8, flags) }
            return message.withUnsafeBytes { message -> Int32 in
                guard let text = message.baseAddress else { return -1 }
                return wherry_seccomp_set_listening(
                    start, program.count / 8, flags, listener.socket, text, message.count)
            }
        }
        let error = Errno.last
        switch result {
        case 0: return
        case -1: throw refusal(error)
        case -2:
            throw RuntimeError(
                stage: "send the seccomp listener to linux.seccomp.listenerPath",
                SystemError(call: "sendmsg", errno: error))
        default: throw RuntimeError(.setupFailed, "load the seccomp filter: thread \(result) has another one")
        }
    }

    /// True when the kernel knows all of these flags.
    static func kernelKnows(_ flags: UInt32) -> Bool {
        // Waiting killably is for listeners only.
        let flags = flags & SeccompNames.waitKillable != 0 ? flags | SeccompNames.newListener : flags
        return wherry_seccomp_set(nil, 0, flags) < 0 && Errno.last.rawValue == EFAULT
    }

    private static func flags(_ profile: RuntimeSpec.Seccomp) throws(RuntimeError) -> UInt32 {
        var flags: UInt32 = 0
        for (index, name) in (profile.flags ?? []).enumerated() {
            guard let flag = SeccompNames.flags[name] else {
                throw RuntimeError(.invalidSpec, "linux.seccomp.flags[\(index)] \"\(name)\" is not known")
            }
            if flag == SeccompNames.waitKillable, !profile.asks {
                throw RuntimeError(
                    .invalidSpec, "linux.seccomp.flags[\(index)] \(name) is only for \(SeccompNames.notifyName)")
            }
            flags |= flag
        }
        guard profile.asks else { return flags }
        return flags | SeccompNames.newListener
            | (flags & SeccompNames.threadSync != 0 ? SeccompNames.threadSyncErrno : 0)
    }

    private func refusal(_ error: Errno) -> RuntimeError {
        if error == .invalid {
            let unknown = SeccompNames.flags.filter { flags & $0.value != 0 && !Self.kernelKnows($0.value) }
            if !unknown.isEmpty {
                return RuntimeError(
                    .unsupported, "this kernel has no \(unknown.keys.sorted().joined(separator: ", "))",
                    stage: "load the seccomp filter", errno: error.rawValue)
            }
            if listener != nil, !Self.kernelKnows(SeccompNames.newListener) {
                return RuntimeError(
                    .unsupported, "this kernel has no \(SeccompNames.notifyName)", stage: "load the seccomp filter",
                    errno: error.rawValue)
            }
        }
        return RuntimeError(stage: "load the seccomp filter", SystemError(call: "seccomp", errno: error))
    }

    private static func cached(
        _ directory: String, _ key: SeccompKey, _ compile: () throws(RuntimeError) -> [UInt8]
    ) throws(RuntimeError) -> [UInt8] {
        if let program = SeccompCache.read(directory, key) { return program }
        let program = try compile()
        SeccompCache.write(directory, key, program)
        return program
    }
}
