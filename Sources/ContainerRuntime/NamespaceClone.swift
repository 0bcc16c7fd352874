import Linux

/// The clone that becomes a container's first process, in new namespaces and in some that are there already.
enum NamespaceClone {
    /// A namespace to join.
    struct Join {
        let type: Int32
        let descriptor: Int32
    }

    /// Returns twice, as fork(2) does: the number is 0 in the new process, which has joined the user and the pid namespace;
    /// the others are left to it. The caller must have one thread.
    ///
    /// - Parameter cgroup: a directory of cgroup2, in which the process is born if it can be.
    static func clone(
        _ flags: UInt64, _ joins: [Join], into cgroup: Int32? = nil
    ) throws(SystemError) -> (pid: pid_t, pidfd: Int32, isInGroup: Bool) {
        guard let user = joins.first(where: { $0.type == WHERRY_CLONE_NEWUSER }) else {
            try joinPid(joins)
            var pidfd: Int32 = -1
            if let cgroup {
                // Older kernels than 5.7 cannot; nor is there room under a small limit.
                let pid = wherry_clone3(flags, &pidfd, cgroup)
                if pid >= 0 { return (pid, pidfd, true) }
            }
            let pid = try systemCall("clone3") { wherry_clone3(flags, &pidfd, -1) }
            return (pid, pidfd, false)
        }
        // New namespaces belong to the user namespace of whoever makes them: an usher goes into it first. The process is
        // our child nevertheless.
        let answer = try FileDescriptor.pipe()
        let usher = try systemCall("clone3") { wherry_clone3(0, nil, -1) }
        if usher == 0 {
            do {
                // Whoever is in that namespace already must not see the host through us (CVE-2016-9962).
                try systemCall("prctl") { wherry_prctl(Kernel.Process.setDumpable, 0, 0, 0, 0) }
                try systemCall("setns", on: "the user namespace") { wherry_setns(user.descriptor, user.type) }
                try joinPid(joins)
                let pid = try systemCall("clone3") { wherry_clone3(flags | UInt64(WHERRY_CLONE_PARENT), nil, -1) }
                if pid == 0 { return (0, -1, false) }
                try answer.writer.writeAll(bytes(pid))
            } catch {
                guard (try? answer.writer.writeAll(bytes(-error.errno.rawValue))) != nil else { wherry_exit_now(1) }
            }
            wherry_exit_now(0)
        }
        // It has answered when it ends well.
        guard ChildProcess.wait(usher)?.code == 0 else {
            throw SystemError(call: "clone3", errno: Errno(rawValue: ECHILD), subject: "by way of the user namespace")
        }
        var bytes = [UInt8](repeating: 0, count: 4)
        try systemCall("read", on: "the usher's answer") { read(answer.reader.rawValue, &bytes, bytes.count) }
        let number = number(bytes)
        guard number > 0 else {
            throw SystemError(
                call: "setns", errno: Errno(rawValue: -number), subject: "the user and pid namespaces to join")
        }
        return (number, try systemCall("pidfd_open") { wherry_pidfd_open(number, 0) }, false)
    }

    /// Takes effect for the children of the caller only.
    private static func joinPid(_ joins: [Join]) throws(SystemError) {
        for join in joins where join.type == WHERRY_CLONE_NEWPID {
            try systemCall("setns", on: "the pid namespace") { wherry_setns(join.descriptor, join.type) }
        }
    }

    /// A process's number, or a negative error, as 4 bytes, low byte first.
    static func bytes(_ number: pid_t) -> [UInt8] {
        let bits = UInt32(bitPattern: number)
        return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }

    /// 0 for bytes that are missing.
    static func number(_ bytes: some Collection<UInt8>) -> pid_t {
        guard bytes.count >= 4 else { return 0 }
        return pid_t(bitPattern: bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
}
