import Linux
import Testing

@testable import Cgroups

/// The error with which `body` ends; nil when it does not.
private func refusal(_ body: () throws -> Void) -> CgroupError? {
    do { try body() } catch { return error as? CgroupError }
    return nil
}

/// These run in whatever view of cgroups the test process has: the machine's own, or one made with `unshare -m`.
@Suite(.serialized, .enabled(if: geteuid() == 0 && (try? CgroupLayout.detect()) != nil, "needs root and cgroups"))
struct CgroupTests {
    let path = "/wherry-test-\(getpid())/group"
    let parent = "/wherry-test-\(getpid())"

    private func offered(_ controller: String) throws -> Bool {
        let mounts = try CgroupMounts.read()
        if mounts.layout == .v2 { return V2Gap.controllers(mounts.unified ?? "").contains(controller) }
        return mounts.v1[controller] != nil
    }

    private func withGroup(_ limits: CgroupLimits = CgroupLimits(), _ body: (Cgroup) throws -> Void) throws {
        let group = try Cgroup.create(path: path, limits: limits)
        defer {
            try? group.kill()
            try? group.remove()
            try? Cgroup(existing: parent).remove()
        }
        try body(group)
    }

    /// A child that waits for a signal.
    private func sleeper() throws -> pid_t {
        var pid: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [
            strdup("sh"), strdup("-c"), strdup("while :; do read x; done"), nil,
        ]
        defer { for argument in arguments { free(argument) } }
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        try #require(posix_spawn(&pid, "/bin/sh", &actions, nil, arguments, environ) == 0)
        posix_spawn_file_actions_destroy(&actions)
        close(ends[0])
        return pid
    }

    private func text(_ controller: String, _ file: String) throws -> String? {
        try CgroupMounts.read().directory(controller, path).flatMap { ControlFile.read($0 + "/" + file) }
    }

    @Test func createdGroupTakesAProcessAndKillEndsIt() throws {
        try withGroup { group in
            let pid = try sleeper()
            try group.attach(pid)
            #expect(try group.processes() == [pid])
            try group.kill()
            var status: Int32 = 0
            #expect(waitpid(pid, &status, 0) == pid)
            #expect(status & 0x7f == SIGKILL)
            try group.remove()
            #expect(try group.processes() == [])
            for mount in try CgroupMounts.read().v1.values { #expect(!ControlFile.exists(mount + path)) }
        }
    }

    @Test func limitsStandInTheControlFilesWhereOffered() throws {
        var limits = CgroupLimits()
        if try offered("memory") { limits.memoryBytes = 64 << 20 }
        if try offered("pids") { limits.pids = 17 }
        if try offered("cpu") { (limits.cpuQuotaMicroseconds, limits.cpuPeriodMicroseconds) = (50_000, 100_000) }
        if try offered("cpuset") { limits.cpusetCpus = "0" }
        let v2 = try CgroupLayout.detect() == .v2
        try withGroup(limits) { group in
            if limits.memoryBytes != nil {
                #expect(try text("memory", v2 ? "memory.max" : "memory.limit_in_bytes") == "67108864")
            }
            if limits.pids != nil { #expect(try text("pids", "pids.max") == "17") }
            if limits.cpuQuotaMicroseconds != nil {
                #expect(try text("cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us") == (v2 ? "50000 100000" : "50000"))
            }
            if limits.cpusetCpus != nil { #expect(try text("cpuset", "cpuset.cpus") == "0") }
            if limits.pids != nil {
                try group.update(CgroupLimits(pids: -1))
                #expect(try text("pids", "pids.max") == "max")
            }
            let pid = try sleeper()
            try group.attach(pid)
            let usage = try group.statistics()
            #expect(usage.pids == 1)
            if try offered("memory") { #expect(usage.memoryUsage != nil) }
            #expect(try group.oomKillCount() == 0)
            try group.kill()
            #expect(waitpid(pid, nil, 0) == pid)
        }
    }

    @Test func aLimitOfAControllerThatIsMissingIsRefusedAndNothingStays() throws {
        guard try !offered("memory") else { return }
        let error = refusal {
            _ = try Cgroup.create(path: path, limits: CgroupLimits(memoryBytes: 1 << 20))
        }
        #expect(error?.code == .controllerMissing)
        #expect(error?.message.contains("memory.max=1048576") == true)
        let mounts = try CgroupMounts.read()
        #expect(!ControlFile.exists((mounts.unified ?? "") + path))
    }

    @Test func aRefusedValueNamesTheFileAndLeavesNoGroup() throws {
        guard try offered("pids") else { return }
        let error = refusal {
            _ = try Cgroup.create(path: path, limits: CgroupLimits(cpuQuotaMicroseconds: 1))
        }
        #expect(error?.code == .refused)
        #expect(error?.errno == EINVAL)
        #expect(try text("cpu", "cgroup.procs") == nil)
        try Cgroup(existing: parent).remove()
    }

    @Test func aFrozenGroupStandsStillAndCanStillBeKilled() throws {
        try withGroup { group in
            let pid = try sleeper()
            try group.attach(pid)
            try group.freeze()
            let mounts = try CgroupMounts.read()
            if mounts.layout == .v2 {
                #expect(try V2Gap.isFrozen(group.v2Directory(mounts)))
            } else {
                #expect(try text("freezer", "freezer.state") == "FROZEN")
            }
            try group.kill()
            #expect(waitpid(pid, nil, 0) == pid)
        }
    }

    @Test func removingAGroupInUseSaysSo() throws {
        try withGroup { group in
            let pid = try sleeper()
            try group.attach(pid)
            let error = refusal { try group.remove() }
            #expect(error?.code == .busy)
            // v1 may already have removed the hierarchies before the busy one: the process is found by its pid.
            _ = Linux.kill(pid, SIGKILL)
            #expect(waitpid(pid, nil, 0) == pid)
        }
    }

    @Test func deviceRulesDenyWhatTheyDoNotName() throws {
        // `unshare -m` views and this machine allow both ways: v1's devices controller and v2's eBPF program.
        let rules = [DeviceRule(kind: .character, major: 1, minor: 3)]
        let group: Cgroup
        do {
            group = try Cgroup.create(path: path, limits: CgroupLimits(devices: rules))
        } catch {
            guard error.errno == EPERM else { throw error }
            return
        }
        defer {
            try? group.remove()
            try? Cgroup(existing: parent).remove()
        }
        let script =
            "read go; if (: </dev/null) 2>/dev/null; then n=1; else n=0; fi; if (: </dev/zero) 2>/dev/null; then z=1; else z=0; fi; exit $((n*2+z))"
        var pid: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
        defer { for argument in arguments { free(argument) } }
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        try #require(posix_spawn(&pid, "/bin/sh", &actions, nil, arguments, environ) == 0)
        posix_spawn_file_actions_destroy(&actions)
        close(ends[0])
        try group.attach(pid)
        try #require(write(ends[1], "\n", 1) == 1)
        close(ends[1])
        var status: Int32 = 0
        #expect(waitpid(pid, &status, 0) == pid)
        #expect((status >> 8) & 0xff == 2, "null opens, zero does not")
    }
}

struct CgroupValueTests {
    @Test(arguments: ["", "/", "wherry", "/a//b", "/a/../b", "/a/", "/./a"])
    func aPathThatIsNotPlainIsRefused(_ path: String) {
        #expect(refusal { _ = try Cgroup(existing: path) }?.code == .invalidPath)
    }

    @Test func sharesMapOntoWeightsWithDefaultsAndEndsMeeting() {
        #expect(CgroupLimits.weight(fromShares: 2) == 1)
        #expect(CgroupLimits.weight(fromShares: 1024) == 100)
        #expect(CgroupLimits.weight(fromShares: 262_144) == 10_000)
    }

    @Test func v2CountsSwapAlone() {
        let limits = CgroupLimits(memoryBytes: 100, memorySwapBytes: 150)
        #expect(limits.valuesV2("memory").map(\.value) == ["100", "50"])
        #expect(CgroupLimits(memoryBytes: -1).valuesV2("memory").map(\.value) == ["max"])
    }

    @Test func theLayoutFollowsTheMounts() throws {
        let v1 = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu,cpuacct 0 0\n"
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"
        #expect(try CgroupMounts.parse(v1).layout == .v1)
        #expect(try CgroupMounts.parse(v1).v1 == ["cpu": "/sys/fs/cgroup/cpu", "cpuacct": "/sys/fs/cgroup/cpu"])
        #expect(try CgroupMounts.parse(v2).layout == .v2)
        #expect(try CgroupMounts.parse(v1 + v2).layout == .hybrid)
        #expect(refusal { _ = try CgroupMounts.parse("tmpfs / tmpfs rw 0 0\n") }?.code == .notMounted)
    }
}
