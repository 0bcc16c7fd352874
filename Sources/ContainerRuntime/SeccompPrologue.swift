import CSeccomp
import Linux

/// Instructions before libseccomp's, for what it cannot say.
///
/// For every profile: calls younger than the libseccomp in use, which it would leave to the default action. For the
/// built-in one also: a call younger than the profile is ENOSYS, so that programs try an older one; nobody types into
/// the terminal of another session (TIOCSTI, TIOCLINUX); and the i386 way to sockets, whose address family is out of a
/// filter's sight, is ENOSYS (CVE-2026-31431). All of it for both widths: a 64-bit program can make 32-bit calls
/// (`int 0x80`).
enum SeccompPrologue {
    static func instructions(for rules: SeccompRules, coversCompatible: Bool, isOurs: Bool) -> [UInt8] {
        let late = lateCalls(rules)
        guard isOurs || !late.isEmpty else { return [] }
        var code = FilterAssembler()
        code.load(FilterAssembler.architecture)
        code.jump(.equal, SeccompNames.native, then: .native)
        if coversCompatible { code.jump(.equal, SeccompNames.compatible, then: .compatible) }
        code.jump(to: .end)

        code.place(.native)
        code.load(FilterAssembler.number)
        if isOurs { code.jump(.equal, number("ioctl"), then: .ioctl) }
        if coversCompatible {
            code.jump(to: .common)
            code.place(.compatible)
            code.load(FilterAssembler.number)
            if isOurs {
                code.jump(.equal, 54, then: .ioctl)  // on i386 and arm alike
                if SeccompNames.isX86 {
                    code.jump(.equal, 102, then: .socketcall)
                } else {
                    code.jump(.atLeast, privateARM, then: .end)
                }
            }
        }
        code.place(.common)
        if isOurs { code.jump(.greater, newest(late), then: .notImplemented) }
        for (number, action) in late {
            code.jump(.equal, number, otherwise: .next)
            code.answer(action)
            code.placeNext()
        }
        code.jump(to: .end)
        if isOurs { guards(&code) }
        code.place(.end)
        return code.assembled()
    }

    private static func guards(_ code: inout FilterAssembler) {
        code.place(.ioctl)
        code.load(FilterAssembler.lowHalf(ofArgument: 1))  // the kernel looks at 32 bits
        code.jump(.equal, 0x5412, then: .notPermitted)  // TIOCSTI
        code.jump(.equal, 0x541c, then: .notPermitted)  // TIOCLINUX
        code.jump(to: .end)
        code.place(.socketcall)
        code.load(FilterAssembler.lowHalf(ofArgument: 0))
        code.jump(.equal, 1, then: .notImplemented)  // SYS_SOCKET
        code.jump(to: .end)
        code.place(.notPermitted)
        code.answer(SeccompNames.errno | UInt32(EPERM))
        code.place(.notImplemented)
        code.answer(SeccompNames.errno | UInt32(ENOSYS))
    }

    /// What the rules say about calls that libseccomp does not know. Rules with conditions are left out, as unknown
    /// names are.
    private static func lateCalls(_ rules: SeccompRules) -> [(number: UInt32, action: UInt32)] {
        var actions: [UInt32: UInt32] = [:]
        for rule in rules.rules where rule.conditions.isEmpty {
            for name in rule.names {
                guard let number = SeccompNames.laterCalls[name],
                    seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR
                else { continue }
                if actions[number] == nil { actions[number] = rule.action }  // the first counts for libseccomp, too
            }
        }
        return actions.sorted { $0.key < $1.key }.map { (number: $0.key, action: $0.value) }
    }

    /// The youngest call that the profile knows. x32 calls have bit 30 and are beyond it.
    private static func newest(_ late: [(number: UInt32, action: UInt32)]) -> UInt32 {
        let names = SeccompDefault.allNames.map(String.init)
        let numbers = names.compactMap { name -> UInt32? in
            let number = seccomp_syscall_resolve_name(name)
            return number >= 0 ? UInt32(number) : SeccompNames.laterCalls[name]
        }
        return numbers.filter { $0 < privateARM }.max() ?? 0
    }

    /// Where ARM's private calls begin (`set_tls` and others).
    private static let privateARM: UInt32 = 0xf0000

    private static func number(_ name: String) -> UInt32 { UInt32(bitPattern: seccomp_syscall_resolve_name(name)) }
}

/// Classic BPF with labels; jumps go forward only.
struct FilterAssembler {
    enum Label: Int {
        case native, compatible, common, ioctl, socketcall, notPermitted, notImplemented, end
        /// The place of the next `placeNext`.
        case next
    }

    enum Comparison: UInt16 {
        case equal = 0x15
        case greater = 0x25
        case atLeast = 0x35
    }

    // Offsets in struct seccomp_data.
    static let number: UInt32 = 0
    static let architecture: UInt32 = 4
    static func lowHalf(ofArgument index: UInt32) -> UInt32 { 16 + 8 * index }

    private struct Instruction {
        let code: UInt16
        let value: UInt32
        var ifTrue: Label?
        var ifFalse: Label?
    }

    private var instructions: [Instruction] = []
    private var places: [Label: Int] = [:]
    /// For each `next`, in order.
    private var nextPlaces: [Int] = []

    mutating func load(_ offset: UInt32) { instructions.append(Instruction(code: 0x20, value: offset)) }
    mutating func answer(_ value: UInt32) { instructions.append(Instruction(code: 0x06, value: value)) }
    mutating func jump(to label: Label) { instructions.append(Instruction(code: 0x05, value: 0, ifTrue: label)) }
    mutating func jump(
        _ comparison: Comparison, _ value: UInt32, then ifTrue: Label? = nil, otherwise ifFalse: Label? = nil
    ) {
        instructions.append(
            Instruction(code: comparison.rawValue, value: value, ifTrue: ifTrue, ifFalse: ifFalse))
    }
    mutating func place(_ label: Label) { places[label] = instructions.count }
    mutating func placeNext() { nextPlaces.append(instructions.count) }

    func assembled() -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, instruction) in instructions.enumerated() {
            func distance(_ label: Label?) -> Int {
                guard let label else { return 0 }
                let place = label == .next ? nextPlaces.first { $0 > index } : places[label]
                guard let place, place > index else { preconditionFailure("label \(label) is not ahead") }
                return place - index - 1
            }
            let isPlain = instruction.code == 0x05
            let value = isPlain ? UInt32(distance(instruction.ifTrue)) : instruction.value
            precondition(isPlain || max(distance(instruction.ifTrue), distance(instruction.ifFalse)) < 256)
            bytes += [
                UInt8(truncatingIfNeeded: instruction.code), 0, isPlain ? 0 : UInt8(distance(instruction.ifTrue)),
                isPlain ? 0 : UInt8(distance(instruction.ifFalse)),
            ]
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        return bytes
    }
}
