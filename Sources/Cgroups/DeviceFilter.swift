import CCgroup
import Linux

/// Device rules on cgroup v2: a small eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE that returns 1 to allow.
///
/// Its context is `struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }`, where `access_type` holds the
/// access (mknod 1, read 2, write 4) in its upper half and the kind (block 1, char 2) in its lower half
/// (uapi/linux/bpf.h).
enum DeviceFilter {
    /// Loads a program for `rules` and attaches it to the group at `directory`. Returns 0 or the error number.
    ///
    /// - Parameter replacing: the group may have a program. The new one takes its place in one step (BPF_F_REPLACE,
    ///   5.6); on older kernels, and where there are several, both hold for a moment, which allows less than either,
    ///   never more.
    static func attach(_ rules: [DeviceRule], to directory: String, replacing: Bool) -> Int32 {
        let group = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard group >= 0 else { return errno }
        defer { close(group) }
        let loaded = load(program(rules))
        guard loaded >= 0 else { return errno }
        defer { close(loaded) }
        let present = replacing ? BPF.devicePrograms(of: group) : []
        if present.count == 1 {
            let old = BPF.open(program: present[0])
            defer { close(old) }
            if old >= 0, BPF.replace(old, with: loaded, in: group) { return 0 }
        }
        guard wherry_bpf_attach_device_program(group, loaded) == 0 else { return errno }
        for program in present {
            let old = BPF.open(program: program)
            guard old >= 0 else { return errno }
            defer { close(old) }
            guard BPF.detach(old, from: group) else { return errno }
        }
        return 0
    }

    private static func load(_ program: [UInt64]) -> Int32 {
        func attempt() -> Int32 {
            program.withUnsafeBytes { wherry_bpf_load_device_program($0.baseAddress, UInt32(program.count)) }
        }
        let loaded = attempt()
        guard loaded < 0, errno == EPERM else { return loaded }
        // Before 5.11 a program counts as locked memory: use what the hard limit leaves.
        let memlock: Int32 = 8
        var limits: [UInt64] = [0, 0]
        guard wherry_prlimit(0, memlock, nil, &limits) == 0, limits[0] < limits[1] else { return fail(EPERM) }
        guard wherry_prlimit(0, memlock, [limits[1], limits[1]], nil) == 0 else { return fail(EPERM) }
        defer { _ = wherry_prlimit(0, memlock, limits, nil) }
        let second = attempt()
        return second < 0 ? fail(errno) : second
    }

    private static func fail(_ number: Int32) -> Int32 {
        errno = number
        return -1
    }

    /// The last rule that matches decides, for each kind of access on its own: the program goes through the rules from
    /// the last to the first, strikes out of the access asked for what is allowed, and ends when nothing is left or
    /// something is denied.
    ///
    /// Registers: r1 context, r2 kind, r3 access that no rule has decided yet, r4 major, r5 minor.
    static func program(_ rules: [DeviceRule]) -> [UInt64] {
        var code: [UInt64] = [
            instruction(0x61, dst: 2, src: 1),  // r2 = access_type
            instruction(0xbc, dst: 3, src: 2),  // w3 = w2
            instruction(0x54, dst: 2, immediate: 0xffff),  // w2 &= 0xffff
            instruction(0x74, dst: 3, immediate: 16),  // w3 >>= 16
            instruction(0x61, dst: 4, src: 1, offset: 4),  // r4 = major
            instruction(0x61, dst: 5, src: 1, offset: 8),  // r5 = minor
        ]
        for rule in rules.reversed() {
            if rule.isTotal { return code + end(rule.isAllowed) }
            code += block(rule)
        }
        return code + end(false)
    }

    private static func end(_ allowed: Bool) -> [UInt64] {
        [instruction(0xb4, dst: 0, immediate: allowed ? 1 : 0), instruction(0x95)]  // return
    }

    private static func block(_ rule: DeviceRule) -> [UInt64] {
        var tests: [(dst: UInt8, immediate: Int32)] = []
        switch rule.kind {
        case .all: break
        case .block: tests.append((2, 1))
        case .character: tests.append((2, 2))
        }
        if let major = rule.major { tests.append((4, Int32(bitPattern: major))) }
        if let minor = rule.minor { tests.append((5, Int32(bitPattern: minor))) }
        let access = Int32(rule.accessBits.rawValue)
        let decision: [UInt64]
        if rule.isAllowed {
            decision =
                [
                    instruction(0x54, dst: 3, immediate: ~access & 7),  // w3 &= what the rule does not allow
                    instruction(0x56, dst: 3, offset: 2, immediate: 0),  // if w3 != 0 skip the return
                ] + end(true)
        } else {
            decision =
                [
                    instruction(0x46, dst: 3, offset: 1, immediate: access),  // if w3 & access go to the return
                    instruction(0x05, offset: 2),  // skip the return
                ] + end(false)
        }
        var result: [UInt64] = []
        for (index, test) in tests.enumerated() {
            // If it is another device: over the remaining tests and the decision.
            let distance = Int16(tests.count - index - 1 + decision.count)
            result.append(instruction(0x56, dst: test.dst, offset: distance, immediate: test.immediate))
        }
        return result + decision
    }

    /// `struct bpf_insn` in memory order on a little-endian machine.
    private static func instruction(
        _ opcode: UInt8, dst: UInt8 = 0, src: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0
    ) -> UInt64 {
        UInt64(opcode) | UInt64(dst | src << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }
}
