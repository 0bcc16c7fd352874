import Linux
import OCI

/// How a process is scheduled and what kernel it sees; set while it still has every right.
enum ProcessAttributes {
    static func apply(_ process: RuntimeSpec.Process, _ linux: RuntimeSpec.Linux) throws(RuntimeError) {
        if let priority = process.ioPriority { try apply(priority) }
        if let scheduler = process.scheduler { try apply(scheduler) }
        if let personality = linux.personality { try apply(personality) }
        if let policy = linux.memoryPolicy { try apply(policy) }
        try CPUAffinity.apply(process.execCPUAffinity?.final)
    }

    private static func apply(_ priority: RuntimeSpec.IOPriority) throws(RuntimeError) {
        let classes = ["IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3]
        guard let number = classes[priority.class] else {
            throw RuntimeError(.invalidSpec, "process.ioPriority.class \"\(priority.class)\" is not known")
        }
        let level = priority.priority ?? 4
        guard (0...7).contains(level) else {
            throw RuntimeError(.invalidSpec, "process.ioPriority.priority \(level) is not between 0 and 7")
        }
        try stage("set process.ioPriority") {
            try systemCall("ioprio_set") { wherry_ioprio_set(Int32(number << 13) | level) }
        }
    }

    private static func apply(_ scheduler: RuntimeSpec.Scheduler) throws(RuntimeError) {
        let policies: [String: UInt32] = [
            "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
            "SCHED_DEADLINE": 6,
        ]
        let flags: [String: UInt64] = [
            "SCHED_FLAG_RESET_ON_FORK": 1, "SCHED_FLAG_RECLAIM": 2, "SCHED_FLAG_DL_OVERRUN": 4,
            "SCHED_FLAG_KEEP_POLICY": 8, "SCHED_FLAG_KEEP_PARAMS": 16, "SCHED_FLAG_UTIL_CLAMP_MIN": 32,
            "SCHED_FLAG_UTIL_CLAMP_MAX": 64,
        ]
        guard let policy = policies[scheduler.policy] else {
            throw RuntimeError(.invalidSpec, "process.scheduler.policy \"\(scheduler.policy)\" is not known")
        }
        var bits: UInt64 = 0
        for name in scheduler.flags ?? [] {
            guard let bit = flags[name] else {
                throw RuntimeError(.invalidSpec, "process.scheduler.flags: \"\(name)\" is not known")
            }
            bits |= bit
        }
        try stage("set process.scheduler") {
            try systemCall("sched_setattr") {
                wherry_sched_setattr(
                    policy, bits, scheduler.nice ?? 0, UInt32(clamping: scheduler.priority ?? 0),
                    scheduler.runtime ?? 0, scheduler.deadline ?? 0, scheduler.period ?? 0)
            }
        }
    }

    private static func apply(_ personality: RuntimeSpec.Personality) throws(RuntimeError) {
        let domains: [String: UInt] = ["LINUX": 0, "LINUX32": 8]
        guard let domain = domains[personality.domain] else {
            throw RuntimeError(
                .invalidSpec, "linux.personality.domain \"\(personality.domain)\" is not LINUX or LINUX32")
        }
        guard personality.flags?.isEmpty ?? true else {
            throw RuntimeError(.invalidSpec, "linux.personality.flags: none is defined")
        }
        try stage("set linux.personality") { try systemCall("personality") { wherry_personality(domain) } }
    }

    private static func apply(_ policy: RuntimeSpec.MemoryPolicy) throws(RuntimeError) {
        guard var mode = memoryModes[policy.mode] else {
            throw RuntimeError(.invalidSpec, "linux.memoryPolicy.mode \"\(policy.mode)\" is not known")
        }
        for name in policy.flags ?? [] {
            guard let bit = memoryFlags[name] else {
                throw RuntimeError(.invalidSpec, "linux.memoryPolicy.flags: \"\(name)\" is not known")
            }
            mode |= bit
        }
        var nodes: UInt64 = 0
        if let list = policy.nodes, !list.isEmpty {
            guard let mask = CPUAffinity.mask(list), mask[8...].allSatisfy({ $0 == 0 }) else {
                throw RuntimeError(.invalidSpec, "linux.memoryPolicy.nodes \"\(list)\" is not a list of nodes below 64")
            }
            for (index, byte) in mask[..<8].enumerated() { nodes |= UInt64(byte) << UInt64(8 * index) }
        }
        try stage("set linux.memoryPolicy") { try systemCall("set_mempolicy") { wherry_set_mempolicy(mode, nodes) } }
    }

    static let memoryModes: [String: Int32] = [
        "MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4,
        "MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6,
    ]
    static let memoryFlags: [String: Int32] = [
        "MPOL_F_NUMA_BALANCING": 1 << 13, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_STATIC_NODES": 1 << 15,
    ]
}
