import Cgroups
import JSON
import OCI
import Testing

@testable import ContainerRuntime

private func resources(_ text: String) throws -> RuntimeSpec.Resources {
    try JSONValue(parsing: Array(text.utf8)).decode(as: RuntimeSpec.Resources.self)
}

struct MonitorPlanLimitsTests {
    static let everything = """
        {"memory":{"limit":1048576,"reservation":524288,"swap":2097152,"kernel":4096,"kernelTCP":8192,"swappiness":30,
         "disableOOMKiller":true,"useHierarchy":true,"checkBeforeUpdate":true},
         "cpu":{"shares":512,"quota":20000,"burst":1000,"period":40000,"realtimeRuntime":950,"realtimePeriod":1000,
         "cpus":"0-1","mems":"0","idle":1},"pids":{"limit":21},
         "blockIO":{"weight":300,"leafWeight":200,"weightDevice":[{"major":8,"minor":0,"weight":100,"leafWeight":50}],
         "throttleReadBpsDevice":[{"major":8,"minor":0,"rate":18446744073709551615}],
         "throttleWriteBpsDevice":[{"major":8,"minor":1,"rate":2}],"throttleReadIOPSDevice":[{"major":8,"minor":2,"rate":3}],
         "throttleWriteIOPSDevice":[{"major":8,"minor":3,"rate":4}]},
         "hugepageLimits":[{"pageSize":"2MB","limit":4194304}],
         "network":{"classID":1048577,"priorities":[{"name":"eth0","priority":5}]},
         "rdma":{"mlx5_1":{"hcaHandles":3,"hcaObjects":10000},"mlx4_0":{"hcaObjects":1}},
         "devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"rw"},
         {"allow":false,"type":"b","major":8,"minor":-1,"access":"w"}],
         "unified":{"memory.high":"1000","io.max":"8:0 rbps=1"}}
        """

    @Test func everyMemberArrives() throws {
        // JSON integers end at Int64's.
        let text = Self.everything.replacing("18446744073709551615", with: "9223372036854775807")
        let limits = try MonitorPlan.limits(resources: resources(text))
        var expected = CgroupLimits(
            memoryBytes: 1_048_576, memorySwapBytes: 2_097_152, memoryReservation: 524_288,
            cpuQuotaMicroseconds: 20_000,
            cpuPeriodMicroseconds: 40_000, cpuShares: 512, cpusetCpus: "0-1", pids: 21)
        expected.kernelMemoryBytes = 4096
        expected.kernelTCPMemoryBytes = 8192
        expected.memorySwappiness = 30
        expected.disablesOOMKiller = true
        expected.usesHierarchy = true
        expected.checksMemoryBeforeUpdate = true
        expected.cpuBurstMicroseconds = 1000
        expected.cpuRealtimeRuntimeMicroseconds = 950
        expected.cpuRealtimePeriodMicroseconds = 1000
        expected.cpusetMems = "0"
        expected.cpuIdle = 1
        expected.blockIO.weight = 300
        expected.blockIO.leafWeight = 200
        expected.blockIO.deviceWeights = [.init(major: 8, minor: 0, weight: 100, leafWeight: 50)]
        expected.blockIO.readBytes = [.init(major: 8, minor: 0, rate: 9_223_372_036_854_775_807)]
        expected.blockIO.writeBytes = [.init(major: 8, minor: 1, rate: 2)]
        expected.blockIO.readOperations = [.init(major: 8, minor: 2, rate: 3)]
        expected.blockIO.writeOperations = [.init(major: 8, minor: 3, rate: 4)]
        expected.hugepages = [.init(pageSize: "2MB", bytes: 4_194_304)]
        expected.networkClassID = 1_048_577
        expected.networkPriorities = [.init(name: "eth0", priority: 5)]
        expected.rdma = [.init(device: "mlx4_0", objects: 1), .init(device: "mlx5_1", handles: 3, objects: 10_000)]
        expected.unified = ["memory.high": "1000", "io.max": "8:0 rbps=1"]
        expected.devices =
            [
                DeviceRule(isAllowed: false, kind: .all),
                DeviceRule(kind: .character, major: 10, minor: 229, access: "rw"),
                DeviceRule(isAllowed: false, kind: .block, major: 8, access: "w"),
            ] + DeviceRule.containerDefaults
        #expect(limits == expected)
    }

    @Test func theMonitorReadsWhatWasWritten() throws {
        var resources = try resources(
            Self.everything.replacing("18446744073709551615", with: "9223372036854775807"))
        resources.blockIO?.throttleReadBpsDevice?[0].rate = .max
        resources.hugepageLimits?[0].limit = .max
        var spec = RuntimeSpec.Linux(namespaces: [.init(.mount)], cgroupsPath: "/a")
        spec.resources = resources
        let plan = try MonitorPlan(spec: RuntimeSpec.with(spec), log: nil)
        let text = plan.json.serialized()
        #expect(try MonitorPlan(json: JSONValue(parsing: text))?.limits == plan.limits)
        #expect(plan.limits.hugepages == [.init(pageSize: "2MB", bytes: .max)])
        spec.resources = nil
        let plain = try MonitorPlan(spec: RuntimeSpec.with(spec), log: nil)
        #expect(try MonitorPlan(json: JSONValue(parsing: plain.json.serialized()))?.limits == plain.limits)
        #expect(plain.limits.devicesAreOptional)
        #expect(plain.limits.devices == DeviceRule.containerDefaults)
    }

    @Test func zeroOfAnEngineIsNotALimitButZeroProcessesAre() throws {
        let limits = try MonitorPlan.limits(
            resources: resources(
                """
                {"memory":{"limit":0,"swap":0,"reservation":0,"disableOOMKiller":false},"cpu":{"shares":0,"quota":0,"period":0,
                 "realtimeRuntime":0,"realtimePeriod":0,"cpus":"","mems":""},"blockIO":{"weight":0},"pids":{"limit":0},
                 "network":{"classID":0}}
                """))
        var expected = CgroupLimits(pids: 0)
        expected.disablesOOMKiller = false
        #expect(limits == expected)
        #expect(try MonitorPlan.limits(resources: resources(#"{"pids":{"limit":-7}}"#)).pids == -1)
        #expect(try MonitorPlan.limits(resources: resources("{}")) == CgroupLimits())
    }

    @Test func aContainerWithoutRulesMayUseItsOwnDevices() throws {
        var linux = RuntimeSpec.Linux(
            namespaces: [.init(.mount)],
            devices: [
                .init(type: "u", path: "/dev/fuse", major: 10, minor: 229),
                .init(type: "p", path: "/p", major: nil, minor: nil),
            ], cgroupsPath: "/a")
        let fuse = DeviceRule(kind: .character, major: 10, minor: 229)
        #expect(try MonitorPlan.limits(RuntimeSpec.with(linux)).devices?.contains(fuse) == true)
        linux.resources = .init(devices: [.init(allow: false, access: "rwm")])
        let limits = try MonitorPlan.limits(RuntimeSpec.with(linux))
        #expect(limits.devices?.contains(fuse) == false)
        #expect(!limits.devicesAreOptional)
    }

    @Test(arguments: [
        (#"{"memory":{"limit":-2}}"#, "memory.limit"), (#"{"memory":{"limit":100,"swap":99}}"#, "memory.swap"),
        (#"{"memory":{"swappiness":101}}"#, "memory.swappiness"), (#"{"cpu":{"shares":1}}"#, "cpu.shares"),
        (#"{"cpu":{"quota":1000,"burst":1001}}"#, "cpu.burst"), (#"{"cpu":{"cpus":"0 1"}}"#, "cpu.cpus"),
        (#"{"cpu":{"mems":"0\n1"}}"#, "cpu.mems"), (#"{"blockIO":{"weight":9}}"#, "blockIO.weight"),
        (#"{"blockIO":{"weightDevice":[{"major":8,"minor":0}]}}"#, "blockIO.weightDevice"),
        (#"{"blockIO":{"throttleReadBpsDevice":[{"major":-1,"minor":0,"rate":1}]}}"#, "blockIO.throttleReadBpsDevice"),
        (#"{"hugepageLimits":[{"pageSize":"../x","limit":1}]}"#, "hugepageLimits.pageSize"),
        (#"{"hugepageLimits":[{"pageSize":"2M","limit":1}]}"#, "hugepageLimits.pageSize"),
        (#"{"rdma":{"mlx5_1":{}}}"#, "rdma"), (#"{"rdma":{"a b":{"hcaObjects":1}}}"#, "rdma"),
        (#"{"network":{"priorities":[{"name":"","priority":1}]}}"#, "network.priorities"),
        (#"{"devices":[{"allow":true},{"allow":true,"type":"p"}]}"#, "devices[1].type"),
        (#"{"devices":[{"allow":true,"access":""}]}"#, "devices[0].access"),
        (#"{"devices":[{"allow":true,"access":"rx"}]}"#, "devices[0].access"),
        (#"{"devices":[{"allow":true,"major":-2}]}"#, "devices[0].major"),
        (#"{"unified":{"a/b.c":"1"}}"#, "unified"), (#"{"unified":{"":"1"}}"#, "unified"),
        (#"{"unified":{"..":"1"}}"#, "unified"), (#"{"unified":{"memory":"1"}}"#, "unified"),
    ])
    func aWrongMemberIsNamed(_ text: String, _ member: String) throws {
        let resources = try resources(text)
        #expect {
            _ = try MonitorPlan.limits(resources: resources)
        } throws: { error in
            guard let error = error as? RuntimeError else { return false }
            return error.code == .invalidSpec && error.message.hasPrefix("linux.resources.\(member): ")
        }
    }
}

extension RuntimeSpec {
    fileprivate static func with(_ linux: RuntimeSpec.Linux) throws -> RuntimeSpec {
        var spec = try JSONValue(parsing: Array(#"{"ociVersion":"1.2.0","root":{"path":"rootfs"},"linux":{}}"#.utf8))
            .decode(as: RuntimeSpec.self)
        spec.linux = linux
        return spec
    }
}
