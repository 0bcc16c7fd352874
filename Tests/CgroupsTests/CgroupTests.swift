import Linux
import Testing

@testable import Cgroups

/// On this machine's kernel, one group at a time.
@Suite(.serialized, .enabled(if: geteuid() == 0 && (try? CgroupLayout.detect()) != nil, "needs root and cgroups"))
struct CgroupTests {
    let fixture = CgroupFixture()

    private static func offers(_ controller: String) -> ConditionTrait {
        .enabled(if: CgroupFixture.offered(controller), "needs the \(controller) controller")
    }

    private static func offersV1(_ controllers: String...) -> ConditionTrait {
        .enabled(
            if: (try? CgroupMounts.read()).map { mounts in controllers.allSatisfy { mounts.v1[$0] != nil } } ?? false,
            "needs \(controllers.joined(separator: " and ")) in cgroup v1")
    }

    private static func layout(_ layouts: CgroupLayout...) -> ConditionTrait {
        .enabled(
            if: (try? CgroupLayout.detect()).map(layouts.contains) ?? false,
            "needs a layout of \(layouts.map(\.rawValue).joined(separator: " or "))")
    }

    @Test func createdGroupTakesAProcessAndKillEndsIt() throws {
        try fixture.with { group in
            let pid = try fixture.sleeper()
            try group.attach(pid)
            #expect(try group.processes() == [pid])
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
            try group.remove()
            #expect(try group.processes() == [])
            for mount in try CgroupMounts.read().v1.values { #expect(!ControlFile.exists(mount + fixture.path)) }
        }
    }

    @Test func limitsStandInTheControlFilesWhereOffered() throws {
        var limits = CgroupLimits()
        if CgroupFixture.offered("memory") { limits.memoryBytes = 64 << 20 }
        if CgroupFixture.offered("pids") { limits.pids = 17 }
        if CgroupFixture.offered("cpu") {
            (limits.cpuQuotaMicroseconds, limits.cpuPeriodMicroseconds) = (50_000, 100_000)
        }
        if CgroupFixture.offered("cpuset") { limits.cpusetCpus = "0" }
        let v2 = CgroupFixture.isV2
        try fixture.with(limits) { group in
            if limits.memoryBytes != nil {
                #expect(try fixture.text("memory", v2 ? "memory.max" : "memory.limit_in_bytes") == "67108864")
            }
            if limits.pids != nil { #expect(try fixture.text("pids", "pids.max") == "17") }
            if limits.cpuQuotaMicroseconds != nil {
                let expected = v2 ? "50000 100000" : "50000"
                #expect(try fixture.text("cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us") == expected)
            }
            if limits.cpusetCpus != nil {
                #expect(try fixture.text("cpuset", "cpuset.cpus") == "0")
                if !v2 { #expect(try fixture.text("cpuset", "cpuset.mems")?.isEmpty == false) }
            }
            if limits.pids != nil {
                try group.update(CgroupLimits(pids: -1))
                #expect(try fixture.text("pids", "pids.max") == "max")
            }
            let pid = try fixture.sleeper()
            try group.attach(pid)
            let usage = try group.statistics()
            #expect(usage.pids?.current == 1)
            if limits.memoryBytes != nil { #expect(usage.memory?.usage.limit == 64 << 20) }
            #expect(try group.oomKillCount() == 0)
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
        }
    }

    @Test("a group of this machine tells what its statistics tell")
    func usageOfAGroup() throws {
        try fixture.with { group in
            let (usage, statistics) = (try group.usage(), try group.statistics())
            #expect((usage.cpu == nil) == (statistics.cpu == nil))
            #expect((usage.workingSet == nil) == (statistics.memory == nil))
        }
        #expect(refusal { _ = try Cgroup(existing: "/wherry-nothing").usage() }?.code == .notFound)
    }

    @Test(.enabled(if: !CgroupFixture.offered("memory"), "needs a layout without memory controller"))
    func aLimitOfAControllerThatIsMissingIsRefusedAndNothingStays() throws {
        let error = refusal { try fixture.with(CgroupLimits(memoryBytes: 1 << 20)) { _ in } }
        #expect(error?.code == .controllerMissing)
        #expect(error?.message.contains("memory.max=1048576") == true)
        let mounts = try CgroupMounts.read()
        #expect(!ControlFile.exists((mounts.unified ?? "") + fixture.path))
    }

    @Test(offers("cpu")) func aRefusedValueNamesTheFileAndLeavesNoGroup() throws {
        let error = refusal { _ = try Cgroup.create(path: fixture.path, limits: CgroupLimits(cpuQuotaMicroseconds: 1)) }
        #expect(error?.code == .refused)
        #expect(error?.errno == EINVAL)
        #expect(error?.message.contains(CgroupFixture.isV2 ? "cpu.max=1" : "cpu.cfs_quota_us=1") == true)
        #expect(try fixture.text("cpu", "cgroup.procs") == nil)
        try Cgroup(existing: fixture.parent).remove()
    }

    @Test(offersV1("blkio")) func aFileThatThisKernelLacksIsNamedAndNothingStays() throws {
        var limits = CgroupLimits()
        limits.blockIO.leafWeight = 100  // of CFQ, gone since 5.0
        let error = refusal { _ = try Cgroup.create(path: fixture.path, limits: limits) }
        #expect(error?.code == .controllerMissing)
        #expect(error?.message.contains("blkio.leaf_weight=100") == true)
        #expect(try fixture.text("blkio", "cgroup.procs") == nil)
        try Cgroup(existing: fixture.parent).remove()
    }

    @Test func removingAGroupInUseSaysSo() throws {
        try fixture.with { group in
            let pid = try fixture.sleeper()
            try group.attach(pid)
            let error = refusal { try group.remove() }
            #expect(error?.code == .busy)
            // v1 may already have removed the hierarchies before the busy one: the process is found by its pid.
            _ = Linux.kill(pid, SIGKILL)
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
        }
    }

    // MARK: - Groups that cannot be had

    @Test func aGroupThatExistsIsRefusedAndLeftAlone() throws {
        try fixture.with { group in
            let error = refusal { _ = try Cgroup.create(path: fixture.path) }
            #expect(error?.code == .exists)
            let statistics = try group.statistics()
            #expect(statistics.pids != nil)
        }
    }

    @Test func aGroupWithoutProcessesCanBeReusedAndOneWithCannot() throws {
        try fixture.with { group in
            _ = try Cgroup.create(path: fixture.path, reusing: true)
            let pid = try fixture.sleeper()
            try group.attach(pid)
            #expect(refusal { _ = try Cgroup.create(path: fixture.path, reusing: true) }?.code == .busy)
            #expect(try group.processes() == [pid])
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
        }
    }

    @Test func aFrozenGroupAndOneBelowItAreRefused() throws {
        try fixture.with { group in
            try group.freeze()
            #expect(refusal { _ = try Cgroup.create(path: fixture.path, reusing: true) }?.code == .busy)
            let inner = refusal { _ = try Cgroup.create(path: fixture.path + "/inner") }
            #expect(inner?.code == .busy)
            #expect(inner?.message.contains("frozen") == true)
            try group.thaw()
            try Cgroup.create(path: fixture.path + "/inner").remove()
        }
    }

    // MARK: - Freezing and killing

    @Test func aFrozenGroupStandsStillAndCanStillBeKilled() throws {
        try fixture.with { group in
            let pid = try fixture.sleeper()
            try group.attach(pid)
            #expect(try !group.isFrozen())
            try group.freeze()
            #expect(try group.isFrozen())
            try group.thaw()
            #expect(try !group.isFrozen())
            try group.freeze()
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
            if !CgroupFixture.isV2 { #expect(try !group.isFrozen(), "v1 is thawed, or nothing would die") }
        }
    }

    @Test func aFrozenProcessDoesNothing() throws {
        try fixture.with { group in
            let shell = try fixture.shell("read go; exit 7")
            try group.attach(shell.pid)
            try group.freeze()
            try #require(write(shell.input, "\n", 1) == 1)
            close(shell.input)
            #expect(waitpid(shell.pid, nil, WNOHANG) == 0)
            try group.thaw()
            #expect(fixture.status(of: shell.pid) == 7)
        }
    }

    @Test func killReachesGroupsBelow() throws {
        try fixture.with { group in
            let inner = try Cgroup.create(path: fixture.path + "/inner")
            let pids = [try fixture.sleeper(), try fixture.sleeper()]
            if !CgroupFixture.isV2 { try group.attach(pids[0]) } else { try inner.attach(pids[0]) }
            try inner.attach(pids[1])
            #expect(try Set(group.processes()) == Set(pids))
            try group.kill()
            for pid in pids { #expect(fixture.status(of: pid) == 128 + SIGKILL) }
            try group.remove()
        }
    }

    @Test func nothingEscapesAKillByForking() throws {
        try fixture.with { group in
            let shell = try fixture.shell("read go; while :; do (while :; do :; done) & sleep 0.01; done")
            try group.attach(shell.pid)
            try #require(write(shell.input, "\n", 1) == 1)
            let deadline = monotonic() + 5
            while try group.processes().count < 4, monotonic() < deadline { pauseFor(nanoseconds: 1_000_000) }
            try group.kill()
            #expect(fixture.status(of: shell.pid) == 128 + SIGKILL)
            close(shell.input)
            try group.remove()
        }
    }

    private func monotonic() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }

    // MARK: - Devices

    private func withDevices(_ rules: [DeviceRule], _ body: (Cgroup) throws -> Void) throws {
        do {
            try fixture.with(CgroupLimits(devices: rules), body)
        } catch let error as CgroupError {
            guard error.errno == EPERM else { throw error }  // bpf(2) may be forbidden
        }
    }

    private let null = DeviceRule(kind: .character, major: 1, minor: 3)
    private let zero = DeviceRule(kind: .character, major: 1, minor: 5)

    @Test func deviceRulesDenyWhatTheyDoNotName() throws {
        try withDevices([null]) { group in
            let openable = try fixture.openable(in: group)
            #expect(openable == 2)
        }
    }

    @Test func theLastDeviceRuleThatMatchesCounts() throws {
        var noZero = zero
        noZero.isAllowed = false
        try withDevices([null, zero, noZero]) { group in
            let openable = try fixture.openable(in: group)
            #expect(openable == 2)
        }
        try withDevices([noZero, zero]) { group in
            let openable = try fixture.openable(in: group)
            #expect(openable == 1)
        }
        try withDevices([DeviceRule(kind: .all), noZero]) { group in
            let openable = try fixture.openable(in: group)
            #expect(openable == 2)
        }
    }

    @Test func deviceRulesCanBeWidenedAndNarrowed() throws {
        try withDevices([null]) { group in
            for (rules, expected) in [
                ([null, zero], 3), ([zero], 1), ([DeviceRule(kind: .all)], 3), ([null], 2), ([], 0),
            ] {
                try group.update(CgroupLimits(devices: rules))
                #expect(try fixture.openable(in: group) == Int32(expected))
            }
        }
    }

    @Test(layout(.v2)) func anUpdateLeavesOneDeviceProgram() throws {
        try withDevices([null]) { group in
            for _ in 0..<3 { try group.update(CgroupLimits(devices: [null, zero])) }
            let directory = open(try group.v2Directory(CgroupMounts.read()), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            defer { close(directory) }
            #expect(BPF.devicePrograms(of: directory).count == 1)
        }
    }

    // MARK: - Limits one by one

    @Test(offersV1("memory", "cpu")) func dependentValuesAreSetWhateverTheirOrder() throws {
        try fixture.with(CgroupLimits(memoryBytes: 16 << 20, memorySwapBytes: 32 << 20)) { group in
            try group.update(CgroupLimits(memoryBytes: 64 << 20, memorySwapBytes: 96 << 20))
            #expect(try fixture.text("memory", "memory.limit_in_bytes") == String(64 << 20))
            #expect(try fixture.text("memory", "memory.memsw.limit_in_bytes") == String(96 << 20))
            try group.update(CgroupLimits(memoryBytes: 8 << 20, memorySwapBytes: 8 << 20))
            #expect(try fixture.text("memory", "memory.memsw.limit_in_bytes") == String(8 << 20))
            try group.update(CgroupLimits(memoryBytes: -1))
            #expect(try fixture.text("memory", "memory.limit_in_bytes") == "9223372036854771712")
            for (quota, burst) in [(20_000, 20_000), (50_000, 40_000), (10_000, 1000)] {
                var limits = CgroupLimits(cpuQuotaMicroseconds: Int64(quota), cpuPeriodMicroseconds: 100_000)
                limits.cpuBurstMicroseconds = UInt64(burst)
                try group.update(limits)
                #expect(try fixture.text("cpu", "cpu.cfs_quota_us") == String(quota))
                #expect(try fixture.text("cpu", "cpu.cfs_burst_us") == String(burst))
            }
        }
    }

    @Test(offersV1("memory", "cpu", "cpuset", "blkio")) func furtherLimitsOfV1StandInTheirFiles() throws {
        var limits = CgroupLimits(memoryReservation: 32 << 20, cpuShares: 512)
        limits.memorySwappiness = 30
        limits.disablesOOMKiller = true
        limits.usesHierarchy = true
        limits.kernelMemoryBytes = 16 << 20
        limits.kernelTCPMemoryBytes = 16 << 20
        limits.cpusetMems = "0"
        limits.blockIO.weight = 300
        let disk = try #require(Self.disk)
        limits.blockIO.readBytes = [CgroupLimits.Rate(major: disk.major, minor: disk.minor, rate: 7000)]
        try fixture.with(limits) { group in
            for (controller, file, expected) in [
                ("memory", "memory.soft_limit_in_bytes", String(32 << 20)), ("memory", "memory.swappiness", "30"),
                ("cpu", "cpu.shares", "512"), ("cpuset", "cpuset.mems", "0"), ("blkio", "blkio.bfq.weight", "300"),
                ("blkio", "blkio.throttle.read_bps_device", "\(disk.major):\(disk.minor) 7000"),
            ] { #expect(try fixture.text(controller, file) == expected, "\(file)") }
            #expect(try fixture.text("memory", "memory.oom_control")?.contains("oom_kill_disable 1") == true)
            var lifted = CgroupLimits()
            lifted.blockIO.readBytes = [CgroupLimits.Rate(major: disk.major, minor: disk.minor, rate: 0)]
            lifted.cpuIdle = 1
            try group.update(lifted)
            #expect(try fixture.text("blkio", "blkio.throttle.read_bps_device") == "")
            #expect(try fixture.text("cpu", "cpu.idle") == "1")
        }
    }

    private static var disk: (major: UInt32, minor: UInt32)? {
        let names = ["vda", "sda", "nvme0n1", "loop0"]
        for name in names {
            guard let text = ControlFile.read("/sys/block/\(name)/dev") else { continue }
            let numbers = text.utf8.split(separator: UInt8(ascii: ":")).compactMap { UInt32(Substring($0)) }
            if numbers.count == 2 { return (numbers[0], numbers[1]) }
        }
        return nil
    }

    @Test(offers("cpuset")) func anUpdateJoinsAControllerWithAllProcesses() throws {
        try fixture.with { group in
            let pid = try fixture.sleeper()
            try group.attach(pid)
            try group.update(CgroupLimits(cpusetCpus: "0"))
            #expect(try fixture.text("cpuset", "cpuset.cpus") == "0")
            #expect(try fixture.text("cpuset", "cgroup.procs") == String(pid))
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
        }
    }

    @Test(offers("memory")) func aLimitBelowWhatIsInUseIsRefusedWhenAsked() throws {
        try fixture.with { group in
            let shell = try fixture.shell("read go; x=$(head -c 2000000 /dev/zero | tr '\\0' a); read more")
            try group.attach(shell.pid)
            try #require(write(shell.input, "\n", 1) == 1)
            let deadline = monotonic() + 10
            var usage: UInt64 = 0
            while usage < 1 << 20, monotonic() < deadline {
                pauseFor(nanoseconds: 5_000_000)
                usage = try group.statistics().memory?.usage.usage ?? 0
            }
            #expect(usage >= 1 << 20)
            var limits = CgroupLimits(memoryBytes: 64 << 10)
            limits.checksMemoryBeforeUpdate = true
            let error = refusal { try group.update(limits) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("bytes are in use") == true)
            limits.memoryBytes = 1 << 30
            try group.update(limits)
            try group.kill()
            close(shell.input)
            #expect(fixture.status(of: shell.pid) == 128 + SIGKILL)
        }
    }

    // MARK: - cgroup2, alone or beside v1

    @Test(offers("hugetlb")) func hugepageLimitsStandWhereTheControllerIs() throws {
        let isV1 = try CgroupMounts.read().v1["hugetlb"] != nil
        let (limit, reserved) = isV1 ? ("limit_in_bytes", "rsvd.limit_in_bytes") : ("max", "rsvd.max")
        var limits = CgroupLimits()
        limits.hugepages = [CgroupLimits.HugepageLimit(pageSize: "2MB", bytes: 4 << 20)]
        try fixture.with(limits) { group in
            #expect(try fixture.text("hugetlb", "hugetlb.2MB.\(limit)") == String(4 << 20))
            #expect(try fixture.text("hugetlb", "hugetlb.2MB.\(reserved)") == String(4 << 20))
            let pid = try fixture.sleeper()
            try group.attach(pid)
            #expect(try fixture.text("hugetlb", "cgroup.procs") == String(pid))
            #expect(try group.statistics().hugetlb["2MB"] == CgroupStatistics.Hugetlb())
            limits.hugepages = [CgroupLimits.HugepageLimit(pageSize: "3MB", bytes: 0)]
            let error = refusal { try group.update(limits) }
            #expect(error?.code == .controllerMissing)
            #expect(error?.message.contains("hugetlb.3MB.\(limit)") == true)
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
            try group.remove()
            #expect(try fixture.text("hugetlb", "cgroup.procs") == nil)
        }
    }

    @Test(layout(.hybrid)) func withoutALimitThereAHybridLayoutsCgroup2IsNotUsed() throws {
        let mounts = try CgroupMounts.read()
        try fixture.with { group in
            #expect(!group.existsInV2(mounts))
            let pid = try fixture.sleeper()
            try group.attach(pid)
            var limits = CgroupLimits()
            limits.unified = ["hugetlb.2MB.max": "0"]
            try group.update(limits)
            #expect(try fixture.text("hugetlb", "cgroup.procs") == String(pid), "an update brings the processes along")
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
        }
    }

    @Test(layout(.hybrid, .v2)) func unifiedFilesAreWrittenLast() throws {
        var limits = CgroupLimits()
        limits.unified = ["cgroup.max.descendants": "17"]
        if try CgroupMounts.read().offeredV2.contains("hugetlb") {
            limits.hugepages = [CgroupLimits.HugepageLimit(pageSize: "2MB", bytes: 4 << 20)]
            limits.unified["hugetlb.2MB.max"] = String(6 << 20)
        }
        try fixture.with(limits) { group in
            let directory = try group.v2Directory(CgroupMounts.read())
            #expect(ControlFile.read(directory + "/cgroup.max.descendants") == "17")
            if !limits.hugepages.isEmpty {
                #expect(ControlFile.read(directory + "/hugetlb.2MB.max") == String(6 << 20))
            }
        }
    }

    @Test(arguments: [
        "a/b.c", "../hugetlb.2MB.max", "/etc/passwd", "", ".", "..", "nosuch.max", "hugetlb.nosuch", "memory",
    ])
    func aUnifiedFileThatIsNotInTheGroupIsRefusedByName(_ name: String) throws {
        var limits = CgroupLimits()
        limits.unified = [name: "1"]
        let error = refusal { try fixture.with(limits) { _ in } }
        #expect(error?.code == .refused || error?.code == .controllerMissing)
        #expect(error?.message.contains(name) == true)
    }

    @Test(layout(.v1)) func aUnifiedFileWithoutCgroup2NamesTheController() throws {
        var limits = CgroupLimits()
        limits.unified = ["memory.high": "1000000"]
        let error = refusal { try fixture.with(limits) { _ in } }
        #expect(error?.code == .controllerMissing)
        #expect(error?.message.contains("memory.high=1000000") == true)
    }

    @Test(layout(.v2), offers("memory"), offers("cpu"), offers("cpuset"), offers("pids"), offers("io"))
    func limitsOfV2StandInTheirFiles() throws {
        var limits = CgroupLimits(
            memoryBytes: 64 << 20, memorySwapBytes: 64 << 20, memoryReservation: 32 << 20, cpuQuotaMicroseconds: 20_000,
            cpuPeriodMicroseconds: 40_000, cpuShares: 1024, cpusetCpus: "0", pids: 21)
        limits.cpuBurstMicroseconds = 10_000
        limits.cpusetMems = "0"
        limits.blockIO.weight = 300
        let disk = Self.disk
        limits.blockIO.readBytes = disk.map { [CgroupLimits.Rate(major: $0.major, minor: $0.minor, rate: 7000)] } ?? []
        limits.unified = ["memory.high": String(48 << 20)]
        try fixture.with(limits) { group in
            for (file, expected) in [
                ("memory.max", String(64 << 20)), ("memory.low", String(32 << 20)), ("memory.high", String(48 << 20)),
                ("memory.oom.group", "1"), ("cpu.max", "20000 40000"), ("cpu.max.burst", "10000"),
                ("cpu.weight", "100"),
                ("cpuset.cpus", "0"), ("cpuset.mems", "0"), ("pids.max", "21"),
            ] { #expect(try fixture.text("", file) == expected, "\(file)") }
            if let disk {
                let expected = "\(disk.major):\(disk.minor) rbps=7000 wbps=max riops=max wiops=max"
                #expect(try fixture.text("", "io.max") == expected)
            }
            let weights = [try fixture.text("", "io.bfq.weight"), try fixture.text("", "io.weight")]
            #expect(weights.contains("default 300") || weights.contains("default 2930"))
            var update = CgroupLimits(cpuQuotaMicroseconds: 5000)
            update.cpuBurstMicroseconds = 1000
            try group.update(update)
            #expect(try fixture.text("", "cpu.max") == "5000 40000", "the period stays")
            #expect(try fixture.text("", "cpu.max.burst") == "1000")
            try group.update(CgroupLimits(cpuPeriodMicroseconds: 50_000))
            #expect(try fixture.text("", "cpu.max") == "5000 50000", "the quota stays")
            let pid = try fixture.sleeper()
            try group.attach(pid)
            let statistics = try group.statistics()
            #expect(statistics.pids?.limit == 21)
            #expect(statistics.memory?.usage.limit == 64 << 20)
            #expect(statistics.blockIO != nil)
            try group.kill()
            #expect(fixture.status(of: pid) == 128 + SIGKILL)
        }
    }

    @Test(layout(.v2)) func whatV2HasNothingForIsRefusedByName() throws {
        var swappiness = CgroupLimits()
        swappiness.memorySwappiness = 10
        var leaf = CgroupLimits()
        leaf.blockIO.leafWeight = 100
        var realtime = CgroupLimits()
        realtime.cpuRealtimeRuntimeMicroseconds = 10
        var classID = CgroupLimits()
        classID.networkClassID = 1
        for (limits, file) in [
            (swappiness, "memory.swappiness"), (leaf, "blkio.leaf_weight"), (realtime, "cpu.rt_runtime_us"),
            (classID, "net_cls.classid"),
        ] {
            let error = refusal { try fixture.with(limits) { _ in } }
            #expect(error?.code == .controllerMissing)
            #expect(error?.message.contains(file) == true)
        }
    }

    @Test(layout(.v2)) func aProcessGoesBesideItsNeighbourWhereAGroupHasGroupsBelow() throws {
        var limits = CgroupLimits()
        limits.unified = ["cgroup.max.depth": "5"]
        try fixture.with(limits) { group in
            let inner = try Cgroup.create(path: fixture.path + "/inner")
            let first = try fixture.sleeper()
            let second = try fixture.sleeper()
            try inner.attach(first)
            let directory = try group.v2Directory(CgroupMounts.read())
            // As systemd in a container does: the group itself then takes no process.
            guard let controller = V2Gap.controllers(directory).first,
                ControlFile.write("+" + controller, to: directory + "/cgroup.subtree_control") == 0
            else { return try group.kill() }
            #expect(refusal { try group.attach(second) }?.errno == EBUSY)
            try group.attach(second, beside: first)
            #expect(try Set(inner.processes()) == [first, second])
            try group.kill()
            for pid in [first, second] { #expect(fixture.status(of: pid) == 128 + SIGKILL) }
        }
    }

    @Test func statisticsOfAProcessAtWork() throws {
        try fixture.with { group in
            let shell = try fixture.shell("read go; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read more")
            try group.attach(shell.pid)
            try #require(write(shell.input, "\n", 1) == 1)
            let deadline = monotonic() + 10
            var statistics = try group.statistics()
            while (statistics.cpu?.total ?? 1) < 50_000_000, monotonic() < deadline {
                pauseFor(nanoseconds: 5_000_000)
                statistics = try group.statistics()
            }
            #expect(statistics.pids?.current == 1)
            let cpu = try #require(statistics.cpu)
            #expect(cpu.total >= 50_000_000)
            if !CgroupFixture.isV2 {
                #expect(cpu.perCPU.count >= 1)
                #expect(cpu.perCPUUser.reduce(0, +) > 0)
            }
            if CgroupFixture.offered("memory") {
                let memory = try #require(statistics.memory)
                #expect(memory.usage.max >= memory.usage.usage / 2)
                #expect(!memory.raw.isEmpty)
                #expect(memory.usage.limit > 1 << 50)
            }
            try group.kill()
            close(shell.input)
            #expect(fixture.status(of: shell.pid) == 128 + SIGKILL)
        }
    }
}
