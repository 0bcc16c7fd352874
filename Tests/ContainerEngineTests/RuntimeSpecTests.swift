import OCI
import Testing

@testable import ContainerEngine

@Suite struct RuntimeSpecTests {
    private func request(
        entrypoint: [String]? = nil, cmd: [String]? = nil, _ change: (inout ContainerRequest) -> Void = { _ in }
    ) -> ContainerRequest {
        var config = ImageConfig.Process()
        config.entrypoint = entrypoint
        config.cmd = cmd
        config.env = ["A=image", "B=image"]
        config.workingDir = "/srv"
        let sandbox = Sandbox(
            id: "p", usesHostNetwork: false, networkNamespace: "/run/net", ipcNamespace: "/run/ipc",
            utsNamespace: "/run/uts", etcDirectory: "/run/etc", hostname: "web-1")
        var request = ContainerRequest(
            id: "c", root: RootFilesystem(layers: ["/l1", "/l2"], config: config), sandbox: sandbox)
        change(&request)
        return request
    }

    private func spec(_ request: ContainerRequest) throws -> RuntimeSpec {
        try RuntimeSpec.make(
            request, storage: ContainerStorage(directory: "/d/c"), cgroupParent: "/wherry", usesCgroupV2: false)
    }

    @Test func theImagesEntrypointAndCommandAreUsedWhenNothingIsAsked() throws {
        #expect(try spec(request(entrypoint: ["/e"], cmd: ["x"])).process?.args == ["/e", "x"])
    }

    @Test func argumentsReplaceTheImagesCommandOnly() throws {
        let made = try spec(request(entrypoint: ["/e"], cmd: ["x"]) { $0.arguments = ["y", "z"] })
        #expect(made.process?.args == ["/e", "y", "z"])
    }

    @Test func aCommandReplacesEntrypointAndCommand() throws {
        #expect(try spec(request(entrypoint: ["/e"], cmd: ["x"]) { $0.command = ["/c"] }).process?.args == ["/c"])
    }

    @Test func aContainerWithoutAnyCommandIsRefused() {
        #expect(throws: EngineError.self) { try spec(request()) }
    }

    @Test func laterVariablesWinAndPathAndHostnameAreThere() throws {
        let env = try #require(try spec(request(cmd: ["x"]) { $0.environment = ["B=own", "C=own"] }).process?.env)
        #expect(env.contains("A=image"))
        #expect(env.contains("B=own"))
        #expect(!env.contains("B=image"))
        #expect(env.contains("C=own"))
        #expect(env.contains("HOSTNAME=web-1"))
        #expect(env.contains { $0.hasPrefix("PATH=") })
    }

    @Test func limitsBecomeQuotaSharesAndPids() throws {
        let made = try spec(
            request(cmd: ["x"]) {
                $0.resources.cpuLimitMillis = 500
                $0.resources.cpuRequestMillis = 250
                $0.resources.memoryLimit = 64 << 20
                $0.resources.pidsLimit = 100
            })
        let resources = try #require(made.linux.resources)
        #expect(resources.cpu?.quota == 50_000)
        #expect(resources.cpu?.period == 100_000)
        #expect(resources.cpu?.shares == 256)
        #expect(resources.memory?.limit == 64 << 20)
        #expect(resources.pids?.limit == 100)
    }

    @Test func theUsualFourteenCapabilitiesAreTheStart() throws {
        #expect(try spec(request(cmd: ["x"])).process?.capabilities?.bounding?.count == 14)
        let made = try spec(
            request(cmd: ["x"]) {
                $0.security.droppedCapabilities = ["ALL"]
                $0.security.addedCapabilities = ["net_admin"]
            })
        #expect(made.process?.capabilities?.effective == ["CAP_NET_ADMIN"])
    }

    @Test func aPrivilegedContainerHasEveryCapability() throws {
        let made = try spec(request(cmd: ["x"]) { $0.security.isPrivileged = true })
        #expect(Set(made.process?.capabilities?.effective ?? []) == CapabilityNames.all)
    }

    @Test func anUnknownCapabilityIsRefused() {
        #expect(throws: EngineError.self) {
            try spec(request(cmd: ["x"]) { $0.security.addedCapabilities = ["EVERYTHING"] })
        }
    }

    @Test func privilegeEscalationCanBeRefused() throws {
        #expect(try spec(request(cmd: ["x"])).process?.noNewPrivileges != true)
        let made = try spec(request(cmd: ["x"]) { $0.security.allowsPrivilegeEscalation = false })
        #expect(made.process?.noNewPrivileges == true)
    }

    @Test(arguments: ["", "0", "root", "app"])
    func aUserThatMayBeRootIsRefusedWhenRootIsForbidden(user: String) {
        #expect(throws: EngineError.self) {
            try spec(
                request(cmd: ["x"]) {
                    $0.root.config.user = user
                    $0.user.mustNotBeRoot = true
                })
        }
    }

    @Test func theRequestedUserReplacesTheImages() throws {
        let made = try spec(
            request(cmd: ["x"]) {
                $0.root.config.user = "app:app"
                $0.user.uid = 1000
                $0.user.gid = 2000
                $0.user.mustNotBeRoot = true
            })
        #expect(made.process?.user.username == "1000:2000")
    }

    @Test func theNamespacesOfTheSandboxAreJoined() throws {
        let linux = try spec(request(cmd: ["x"])).linux
        #expect(linux.namespace(.network)?.path == "/run/net")
        #expect(linux.namespace(.ipc)?.path == "/run/ipc")
        #expect(linux.namespace(.pid)?.path == nil)
        #expect(linux.namespace(.pid) != nil)
    }

    @Test func aHostNetworkContainerHasNoNetworkNamespace() throws {
        let linux = try spec(request(cmd: ["x"]) { $0.sandbox.usesHostNetwork = true }).linux
        #expect(linux.namespace(.network) == nil)
        #expect(linux.namespace(.uts) == nil)
    }

    @Test func mountsAreInTheOrderOfTheirPaths() throws {
        let made = try spec(
            request(cmd: ["x"]) {
                $0.mounts = [
                    MountRequest(.host("/h/b"), at: "/data/sub", isReadOnly: true),
                    MountRequest(.host("/h/a"), at: "/data"),
                ]
            })
        #expect(made.mounts.suffix(2).map(\.destination) == ["/data", "/data/sub"])
        #expect(made.mounts.last?.options?.contains("ro") == true)
    }

    @Test func whatIsMountedBelowIsReadOnlyWhenAskedFor() throws {
        func options(_ isReadOnly: Bool, _ isReadOnlyBelow: Bool) throws -> [String]? {
            let mount = MountRequest(
                .host("/h"), at: "/v", isReadOnly: isReadOnly, isReadOnlyBelow: isReadOnlyBelow)
            return try spec(request(cmd: ["x"]) { $0.mounts = [mount] }).mounts.last?.options
        }
        #expect(try options(true, true) == ["rbind", "rprivate", "rro"])
        #expect(try options(true, false) == ["rbind", "rprivate", "ro"])
        #expect(try options(false, true) == ["rbind", "rprivate", "rw"])
    }

    @Test func mountsPassOnOnlyWhatIsAskedFor() throws {
        func made(_ propagation: MountRequest.Propagation) throws -> RuntimeSpec {
            try spec(
                request(cmd: ["x"]) { $0.mounts = [MountRequest(.host("/h"), at: "/v", propagation: propagation)] })
        }
        #expect(try made(.none).mounts.last?.options == ["rbind", "rprivate", "rw"])
        #expect(try made(.hostToContainer).mounts.last?.options == ["rbind", "rslave", "rw"])
        #expect(try made(.hostToContainer).linux.rootfsPropagation == nil)
        #expect(try made(.bidirectional).mounts.last?.options == ["rbind", "rshared", "rw"])
        #expect(try made(.bidirectional).linux.rootfsPropagation == "rshared")
    }

    @Test(arguments: [
        (MountRequest.Propagation.hostToContainer, [1, 2, 3]), (.bidirectional, [1, 2]),
    ])
    func theMountBelowDecidesWhetherMountsPass(propagation: MountRequest.Propagation, expected: [Int64]) {
        let table = SharedMounts(
            """
            1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
            2 1 0:5 / /a rw shared:7 master:1 - tmpfs tmpfs rw
            3 1 0:6 / /b rw master:1 - tmpfs tmpfs rw
            4 1 0:7 / /c rw - tmpfs shared:9 rw

            """)
        let passes = (Int64(1)...5).filter { (try? table.check("/p", on: $0, propagation)) != nil }
        #expect(passes == expected)
    }

    @Test func theFileForAMessageIsBoundInTheOrderOfThePaths() throws {
        let made = try spec(
            request(cmd: ["x"]) {
                $0.mounts = [MountRequest(.host("/h/z"), at: "/z"), MountRequest(.host("/h/a"), at: "/a")]
                $0.terminationMessagePath = "/a/end"
            })
        #expect(made.mounts.suffix(3).map(\.destination) == ["/a", "/a/end", "/z"])
        #expect(made.mounts.first { $0.destination == "/a/end" }?.source == "/d/c/termination-log")
        #expect(try spec(request(cmd: ["x"])).mounts.allSatisfy { $0.source != "/d/c/termination-log" })
    }

    @Test func theLogOfAMessageIsKnownAgainAfterARestart() throws {
        let made = try spec(
            request(cmd: ["x"]) {
                $0.log = LogDestination(path: "/log")
                $0.takesMessageFromLog = true
            })
        #expect(made.annotations[Engine.messageLogLabel] == "/log")
        #expect(try spec(request(cmd: ["x"])).annotations[Engine.messageLogLabel] == nil)
    }

    @Test(arguments: [("SIGQUIT", Int32(3)), ("quit", 3), ("9", 9), ("", 15), ("NONSENSE", 15), ("SIGRTMIN+3", 37)])
    func stopSignalsAreReadByNameAndNumber(text: String, number: Int32) {
        #expect(StopSignal.number(text) == number)
    }
}
