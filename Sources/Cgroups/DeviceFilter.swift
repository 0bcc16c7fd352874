import CCgroup
import Linux

/// Device rules on cgroup v2: a small eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE that returns 1 to allow.
///
/// Its context is `struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }`, where `access_type` holds the access
/// (mknod 1, read 2, write 4) in its upper half and the kind (block 1, char 2) in its lower half (uapi/linux/bpf.h).
enum DeviceFilter {
    /// Loads a program for `rules` and attaches it to the group at `directory`. Returns 0 or the error number.
    ///
    /// A program cannot be replaced by name; attached again, both must allow, so rules can only be narrowed.
    static func attach(_ rules: [DeviceRule], to directory: String) -> Int32 {
        let program = program(rules)
        let loaded = program.withUnsafeBytes {
            wherry_bpf_load_device_program($0.baseAddress, UInt32(program.count))
        }
        guard loaded >= 0 else { return errno }
        defer { close(loaded) }
        let group = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard group >= 0 else { return errno }
        defer { close(group) }
        return wherry_bpf_attach_device_program(group, loaded) == 0 ? 0 : errno
    }

    /// Registers: r1 context, r2 kind, r3 access, r4 major, r5 minor.
    static func program(_ rules: [DeviceRule]) -> [UInt64] {
        var code: [UInt64] = [
            instruction(0x61, dst: 2, src: 1),  // r2 = access_type
            instruction(0xbc, dst: 3, src: 2),  // w3 = w2
            instruction(0x54, dst: 2, immediate: 0xffff),  // w2 &= 0xffff
            instruction(0x74, dst: 3, immediate: 16),  // w3 >>= 16
            instruction(0x61, dst: 4, src: 1, offset: 4),  // r4 = major
            instruction(0x61, dst: 5, src: 1, offset: 8),  // r5 = minor
        ]
        for rule in rules { code += block(rule) }
        code += [instruction(0xb4, dst: 0, immediate: 0), instruction(0x95)]  // return 0
        return code
    }

    /// Instructions that return 1 when the rule matches and fall through otherwise.
    private static func block(_ rule: DeviceRule) -> [UInt64] {
        var tests: [(opcode: UInt8, dst: UInt8, immediate: Int32)] = []
        switch rule.kind {
        case .all: break
        case .block: tests.append((0x56, 2, 1))
        case .character: tests.append((0x56, 2, 2))
        }
        var denied: Int32 = 0
        if !rule.access.utf8.contains(UInt8(ascii: "m")) { denied |= 1 }
        if !rule.access.utf8.contains(UInt8(ascii: "r")) { denied |= 2 }
        if !rule.access.utf8.contains(UInt8(ascii: "w")) { denied |= 4 }
        if denied != 0 { tests.append((0x46, 3, denied)) }  // jump when any asked access is not granted
        if let major = rule.major { tests.append((0x56, 4, Int32(bitPattern: major))) }
        if let minor = rule.minor { tests.append((0x56, 5, Int32(bitPattern: minor))) }
        var result: [UInt64] = []
        for (index, test) in tests.enumerated() {
            // Over the remaining tests and the two instructions of the return.
            let distance = Int16(tests.count - index - 1 + 2)
            result.append(instruction(test.opcode, dst: test.dst, offset: distance, immediate: test.immediate))
        }
        return result + [instruction(0xb4, dst: 0, immediate: 1), instruction(0x95)]
    }

    /// `struct bpf_insn` in memory order on a little-endian machine.
    private static func instruction(
        _ opcode: UInt8, dst: UInt8 = 0, src: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0
    ) -> UInt64 {
        UInt64(opcode) | UInt64(dst | src << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }
}
