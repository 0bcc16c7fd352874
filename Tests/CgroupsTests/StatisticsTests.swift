import Linux
import Testing

@testable import Cgroups

/// Figures from texts as the kernel writes them.
struct StatisticsTests {
    /// A directory with control files, as a group would have them.
    private func withFiles(_ files: [String: String], _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/wherry-cgroup-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        let directory = String(cString: made)
        for (name, text) in files {
            let file = open(directory + "/" + name, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            try #require(file >= 0)
            close(file)
            try #require(ControlFile.write(text, to: directory + "/" + name) == 0)
        }
        defer {
            for name in files.keys { unlink(directory + "/" + name) }
            rmdir(directory)
        }
        try body(directory)
    }

    @Test("usage is CPU time and memory less inactive file cache, from v1 where it counts, else from v2")
    func usage() throws {
        try withFiles([
            "cpu.stat": "usage_usec 10\nuser_usec 6\n", "memory.current": "4096\n",
            "memory.stat": "anon 1\ninactive_file 1000\ntotal_inactive_file 5000\n",
            "cpuacct.usage": "77\n", "memory.usage_in_bytes": "6000\n",
        ]) { directory in
            #expect(
                CgroupUsage(cpuacct: nil, memory: nil, unified: directory)
                    == CgroupUsage(cpu: 10_000, workingSet: 3096))
            #expect(
                CgroupUsage(cpuacct: directory, memory: directory, unified: nil)
                    == CgroupUsage(cpu: 77, workingSet: 1000))
            #expect(
                CgroupUsage(cpuacct: nil, memory: directory, unified: directory)
                    == CgroupUsage(cpu: 10_000, workingSet: 1000))
            #expect(
                CgroupUsage(cpuacct: directory + "/no", memory: nil, unified: nil)
                    == CgroupUsage(cpu: nil, workingSet: nil))
        }
        // More cold cache than use is no use, and no trap.
        try withFiles(["memory.current": "10\n", "memory.stat": "inactive_file 11\n"]) { directory in
            #expect(CgroupUsage(cpuacct: nil, memory: nil, unified: directory).workingSet == 0)
        }
    }

    @Test func v2() throws {
        let psi =
            "some avg10=1.50 avg60=0.25 avg300=0.00 total=12345\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=99\n"
        try withFiles([
            "cpu.stat":
                "usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 3\nnr_throttled 2\nthrottled_usec 7\n"
                + "nr_bursts 1\nburst_usec 5\n",
            "cpu.pressure": psi, "memory.pressure": psi, "io.pressure": psi,
            "memory.current": "4096\n", "memory.peak": "8192\n", "memory.max": "max\n",
            "memory.events": "low 0\nhigh 0\nmax 4\noom 0\noom_kill 0\n", "memory.stat": "anon 1024\nfile 2048\n",
            "memory.swap.current": "100\n", "memory.swap.max": "200\n", "memory.swap.events": "high 0\nmax 1\nfail 0\n",
            "pids.current": "3\n", "pids.max": "21\n",
            "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:1 rbytes=7\n",
            "rdma.current": "mlx5_1 hca_handle=2 hca_object=20\n", "rdma.max": "mlx5_1 hca_handle=max hca_object=100\n",
        ]) { directory in
            var statistics = CgroupStatistics()
            StatisticsV2(directory: directory).fill(&statistics)
            let cpu = try #require(statistics.cpu)
            #expect([cpu.total, cpu.user, cpu.kernel] == [10_000, 6000, 4000])
            #expect([cpu.periods, cpu.throttledPeriods, cpu.throttledTime] == [3, 2, 7000])
            #expect([cpu.burstPeriods, cpu.burstTime] == [1, 5000])
            #expect(cpu.pressure?.some.average10 == 1.5)
            #expect(cpu.pressure?.some.total == 12_345)
            #expect(cpu.pressure?.full.total == 99)
            let memory = try #require(statistics.memory)
            #expect([memory.usage.usage, memory.usage.max, memory.usage.failures] == [4096, 8192, 4])
            #expect(memory.usage.limit == .max)
            #expect(memory.swap?.usage == 4196)
            #expect(memory.swap?.limit == .max)
            #expect(memory.swapOnly?.limit == 200)
            #expect(memory.cache == 2048)
            #expect(memory.raw == ["anon": 1024, "file": 2048])
            #expect(memory.pressure == cpu.pressure)
            #expect(statistics.pids?.current == 3)
            #expect(statistics.pids?.limit == 21)
            let blockIO = try #require(statistics.blockIO)
            #expect(blockIO.serviceBytes.map(\.value) == [1, 2, 5, 7])
            #expect(blockIO.serviceBytes.map(\.operation) == ["Read", "Write", "Discard", "Read"])
            #expect(blockIO.serviced.map(\.value) == [3, 4, 6])
            #expect(blockIO.serviceBytes.last?.major == 254)
            #expect(blockIO.pressure != nil)
            let rdma = try #require(statistics.rdma["mlx5_1"])
            #expect([rdma.handles, rdma.objects, rdma.handleLimit, rdma.objectLimit] == [2, 20, .max, 100])
        }
    }

    @Test func v1() throws {
        try withFiles([
            "cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_time 7\nnr_bursts 1\nburst_time 5\n",
            "cpuacct.usage": "30\n", "cpuacct.stat": "user 2\nsystem 1\n", "cpuacct.usage_percpu": "10 20 \n",
            "cpuacct.usage_all": "cpu user system\n0 4 6\n1 15 5\n",
            "memory.usage_in_bytes": "4096\n", "memory.max_usage_in_bytes": "8192\n", "memory.failcnt": "4\n",
            "memory.limit_in_bytes": "9223372036854771712\n", "memory.memsw.usage_in_bytes": "5000\n",
            "memory.memsw.max_usage_in_bytes": "9000\n", "memory.memsw.failcnt": "6\n",
            "memory.memsw.limit_in_bytes": "10000\n", "memory.kmem.usage_in_bytes": "77\n",
            "memory.stat": "cache 2048\nrss 1024\n", "pids.current": "3\n", "pids.max": "max\n",
            "blkio.bfq.io_service_bytes_recursive": "",
            "blkio.throttle.io_service_bytes_recursive": "8:0 Read 11\n8:0 Write 12\n8:0 Total 23\nTotal 23\n",
            "blkio.throttle.io_serviced_recursive": "8:0 Read 1\nTotal 1\n",
            "blkio.throttle.sectors_recursive": "8:0 9\n",
            "cpuset.cpus": "0-2,7\n", "cpuset.mems": "0\n", "cpuset.sched_load_balance": "1\n",
            "cpuset.sched_relax_domain_level": "-1\n",
        ]) { directory in
            var statistics = CgroupStatistics()
            StatisticsV1 { $0 == "hugetlb" || $0 == "rdma" ? nil : directory }.fill(&statistics)
            let cpu = try #require(statistics.cpu)
            #expect([cpu.total, cpu.user, cpu.kernel] == [30, 20_000_000, 10_000_000])
            #expect([cpu.periods, cpu.throttledPeriods, cpu.throttledTime] == [3, 2, 7])
            #expect(cpu.perCPU == [10, 20])
            #expect(cpu.perCPUUser == [4, 15])
            #expect(cpu.perCPUKernel == [6, 5])
            #expect(cpu.pressure == nil)
            let memory = try #require(statistics.memory)
            #expect([memory.usage.usage, memory.usage.max, memory.usage.failures] == [4096, 8192, 4])
            #expect(memory.swap?.limit == 10_000)
            #expect(memory.swapOnly?.usage == 904)
            #expect(memory.kernel?.usage == 77)
            #expect(memory.kernelTCP == nil)
            #expect(memory.cache == 2048)
            #expect(statistics.pids?.limit == 0)
            let blockIO = try #require(statistics.blockIO)
            #expect(blockIO.serviceBytes.map(\.operation) == ["Read", "Write", "Total"])
            #expect(blockIO.serviced.map(\.value) == [1])
            #expect(blockIO.sectors.map(\.value) == [9])
            let cpuset = try #require(statistics.cpuset)
            #expect(cpuset.cpus == [0, 1, 2, 7])
            #expect(cpuset.schedLoadBalance == 1)
            #expect(cpuset.schedRelaxDomainLevel == -1)
        }
    }

    @Test func whatIsNotCountedIsNil() throws {
        try withFiles([:]) { directory in
            var statistics = CgroupStatistics()
            StatisticsV2(directory: directory).fill(&statistics)
            StatisticsV1 { _ in nil }.fill(&statistics)
            #expect(statistics == CgroupStatistics())
        }
    }

    @Test(arguments: ["", "x", "8:0", "8:0 Read", "8:0 Read x", "Total 5", "8:0 Read 1 2", ":", "8: 1"])
    func aLineThatIsNotOneOfBlockIOIsLeftOut(_ line: String) {
        #expect(StatisticsParts.blockIO(line).isEmpty)
    }
}
