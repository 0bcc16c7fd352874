import CCgroup
import Linux

/// The commands of bpf(2) that find and exchange a group's device programs.
enum BPF {
    /// `union bpf_attr` as 32-bit words, little-endian (uapi/linux/bpf.h). Its end may be missing: the kernel takes it
    /// as zero.
    private static func call(_ command: Int32, _ words: inout [UInt32]) -> Int32 {
        words.withUnsafeMutableBytes { bytes in
            guard let address = bytes.baseAddress else { return -1 }
            return wherry_bpf(command, address, UInt32(bytes.count))
        }
    }

    private static let cgroupDevice: UInt32 = 6  // BPF_CGROUP_DEVICE
    private static let allowMulti: UInt32 = 2  // BPF_F_ALLOW_MULTI
    private static let replace: UInt32 = 4  // BPF_F_REPLACE

    /// The identifiers of the programs attached to the group itself.
    static func devicePrograms(of group: Int32) -> [UInt32] {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { programs in
            programs.initialize(repeating: 0)
            let address = UInt64(UInt(bitPattern: programs.baseAddress))
            // target_fd, attach_type, query_flags, attach_flags, prog_ids (64 bits), prog_cnt, padding
            var words: [UInt32] = [
                UInt32(group), cgroupDevice, 0, 0, UInt32(truncatingIfNeeded: address),
                UInt32(truncatingIfNeeded: address >> 32),
                64, 0,
            ]
            guard call(16, &words) == 0 else { return [] }  // BPF_PROG_QUERY
            return Array(programs.prefix(Int(min(words[6], 64))))
        }
    }

    /// A descriptor of a program; -1 with `errno` set when it is gone.
    static func open(program: UInt32) -> Int32 {
        var words: [UInt32] = [program, 0, 0, 0]
        return call(13, &words)  // BPF_PROG_GET_FD_BY_ID
    }

    /// Puts one program in the place of another, in one step.
    static func replace(_ old: Int32, with new: Int32, in group: Int32) -> Bool {
        // target_fd, attach_bpf_fd, attach_type, attach_flags, replace_bpf_fd, padding
        var words: [UInt32] = [UInt32(group), UInt32(new), cgroupDevice, allowMulti | replace, UInt32(old), 0]
        return call(8, &words) == 0  // BPF_PROG_ATTACH
    }

    static func detach(_ program: Int32, from group: Int32) -> Bool {
        var words: [UInt32] = [UInt32(group), UInt32(program), cgroupDevice, 0]
        return call(9, &words) == 0  // BPF_PROG_DETACH
    }
}
