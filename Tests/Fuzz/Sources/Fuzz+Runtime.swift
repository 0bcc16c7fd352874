import JSON
import Linux
import OCI

@testable import ContainerRuntime

// What the runtime reads from a bundle and from an image.

/// What is read is written and read again to the same specification.
func parseConfig(_ bytes: [UInt8]) {
    guard let value = try? JSONValue(parsing: bytes), let spec = try? RuntimeSpec.decode(value) else { return }
    guard let written = try? spec.encoded(), let again = try? RuntimeSpec.decode(written) else {
        preconditionFailure("a specification cannot be read again")
    }
    precondition(again == spec, "a specification does not survive being written and read")
}

/// Options as mount(8) writes them.
func parseMountOptions(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = MountOptions(text.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
}

/// `USER[:GROUP]`, then the files passwd and group, each after a zero byte.
func findUser(_ bytes: [UInt8]) {
    let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    let texts = (0..<3).map { $0 < parts.count ? String(decoding: parts[$0], as: UTF8.self) : "" }
    var user = RuntimeSpec.User(uid: 5, gid: 6)
    user.username = texts[0]
    guard let identity = try? UserDatabase(passwd: texts[1], group: texts[2]).identity(user) else { return }
    precondition(identity.uid != .max && identity.gid != .max, "the number that means no change")
    precondition(identity.home.utf8.first == UInt8(ascii: "/"), "a home that is no path")
    if texts[0].utf8.allSatisfy({ $0 != UInt8(ascii: ":") }), texts[1].isEmpty, !texts[0].isEmpty {
        precondition(UInt32(texts[0]) == identity.uid, "a user that nobody named")  // CVE-2026-30892
    }
}

/// A profile as JSON, or, when the bytes begin otherwise, one that is made of them. What compiles is a program that the
/// kernel would take, and has a key of its own.
func compileFilter(_ bytes: [UInt8]) {
    let profile: RuntimeSpec.Seccomp
    if bytes.first == UInt8(ascii: "{") {
        guard let value = try? JSONValue(parsing: bytes), let parsed = try? value.decode(as: RuntimeSpec.Seccomp.self)
        else { return }
        profile = parsed
    } else {
        var source = ByteSource(bytes: bytes[...])
        profile = source.profile()
    }
    // libseccomp takes a second for a thousand conditions on one call.
    guard (profile.syscalls ?? []).reduce(0, { $0 + $1.names.count * (1 + ($1.args?.count ?? 0)) }) < 200 else {
        return
    }
    precondition(SeccompKey(profile, flags: 0).bytes == SeccompKey(profile, flags: 0).bytes)
    for isOurs in [false, true] {
        guard let program = try? SeccompCompiler.compile(profile, isOurs: isOurs) else { return }
        check(program)
    }
}

/// The kernel's rules for a filter: jumps stay inside, and every way ends with an answer.
private func check(_ program: [UInt8]) {
    precondition(!program.isEmpty && program.count % 8 == 0, "not a program")
    let count = program.count / 8
    for index in 0..<count {
        let at = index * 8
        let operand = (0..<4).reduce(0) { $0 | Int(program[at + 4 + $1]) << (8 * $1) }
        switch program[at] {
        case 0x20: precondition(operand < 64 && operand % 4 == 0, "a load beyond the call")
        case 0x54: break
        case 0x15, 0x25, 0x35, 0x45:
            precondition(index + 1 + Int(max(program[at + 2], program[at + 3])) < count, "a jump out of the program")
        case 0x05: precondition(index + 1 + operand < count, "a jump out of the program")
        case 0x06: break
        case let code: preconditionFailure("instruction \(code)")
        }
    }
    precondition(program[program.count - 8] == 0x06, "the last instruction is no answer")
}

/// Makes decisions out of bytes.
private struct ByteSource {
    var bytes: ArraySlice<UInt8>

    mutating func next() -> Int { Int(bytes.popFirst() ?? 0) }

    mutating func choose<Value>(_ values: [Value]) -> Value { values[next() % values.count] }

    mutating func profile() -> RuntimeSpec.Seccomp {
        let actions = SeccompNames.actions.keys.sorted()
        let architectures = [
            "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_PPC",
        ]
        var profile = RuntimeSpec.Seccomp(defaultAction: choose(actions))
        if next() % 4 == 0 { profile.defaultErrnoRet = UInt32(next()) << (next() % 12) }
        profile.architectures = (0..<next() % 4).map { _ in choose(architectures) }
        if next() % 2 == 0 { profile.listenerPath = "/agent" }
        var rules: [RuntimeSpec.Seccomp.Rule] = []
        while !bytes.isEmpty, rules.count < 40 { rules.append(rule(actions)) }
        profile.syscalls = rules
        return profile
    }

    private mutating func rule(_ actions: [String]) -> RuntimeSpec.Seccomp.Rule {
        let names = [
            "read", "write", "sendmsg", "socket", "socketcall", "ipc", "clone", "clone3", "ioctl", "mkdir", "fchmodat2",
            "mseal", "uretprobe", "no_such_call", "", "personality", "mmap", "set_tls", "restart_syscall", "_llseek",
        ]
        let operators = SeccompNames.operators.keys.sorted()
        let action = choose(actions)
        let takesNumber = action == "SCMP_ACT_ERRNO" || action == "SCMP_ACT_TRACE"
        return .init(
            names: (0...next() % 3).map { _ in choose(names) }, action: action,
            errnoRet: takesNumber && next() % 2 == 0 ? UInt32(next()) : nil,
            args: (0..<next() % 4).map { _ in
                .init(
                    index: UInt32(next() % 7), value: UInt64(next()) << (next() % 64),
                    valueTwo: next() % 2 == 0 ? UInt64(next()) << (next() % 64) : nil, op: choose(operators))
            })
    }
}
