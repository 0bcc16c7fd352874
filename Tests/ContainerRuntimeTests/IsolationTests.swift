import ContainerRuntime
import Linux
import OCI
import Testing

/// One test for each defence of the security list (shared/runtime-notes, section C).
@Suite(.enabled(if: RuntimeFixture.isPossible), .serialized)
struct IsolationTests {
    let fixture: RuntimeFixture

    init() throws { fixture = try RuntimeFixture() }

    @Test func `the container's view is its own`() throws {
        let run = try fixture.shell("echo $$; hostname; ls /; cat /proc/1/comm; ls /sys/class/net; pwd; echo $HOME")
        #expect(run.output.first == "1")
        #expect(run.output.contains("box"))
        #expect(run.output.contains("sh"))
        #expect(run.output.contains("lo"))
        #expect(!run.output.contains("eth0"))
        #expect(run.output.suffix(2) == ["/", "/root"])
        #expect(run.exit.code == 0)
    }

    @Test func `no mount of the host is left`() throws {
        let run = try fixture.shell("cat /proc/self/mountinfo")
        let points = run.output.map { $0.split(separator: " ")[4] }
        #expect(points.first == "/")
        #expect(points.contains("/proc") && points.contains("/dev/pts") && points.contains("/sys"))
        #expect(
            points.allSatisfy { $0 == "/" || $0.hasPrefix("/proc") || $0.hasPrefix("/dev") || $0.hasPrefix("/sys") })
        #expect(!run.text.contains(" shared:") && !run.text.contains(" master:"))
    }

    @Test func `only the three standard descriptors are open (CVE-2024-21626)`() throws {
        let inherited = open("/", O_RDONLY)  // without O_CLOEXEC on purpose
        defer { close(inherited) }
        let run = try fixture.shell("ls /proc/self/fd; ls -l /proc/1/fd")
        // 3 is the directory that ls itself reads.
        #expect(run.output.prefix(4) == ["0", "1", "2", "3"])
        #expect(
            run.output.dropFirst(4).filter { $0.contains("->") }.allSatisfy {
                $0.contains("pipe:") || $0.contains("/dev/null")
            })
    }

    @Test(arguments: 3...12)
    func `a working directory in a leaked descriptor is refused`(number: Int) throws {
        let spec = try fixture.spec(["true"]) { $0.process?.cwd = "/proc/self/fd/\(number)" }
        #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "cwd", spec: spec) }
    }

    @Test func `the runtime's binary cannot be written through proc self exe (CVE-2019-5736)`() throws {
        let probe = try #require(RuntimeFixture.probe)
        let before = try Files.read(probe, limit: 1 << 30)
        // The classic attack: the entry point is the runtime itself, run inside the container.
        let created = try? fixture.runtime.create(
            id: "exe", spec: try fixture.spec(["/proc/self/exe"]), options: .init(log: fixture.log("exe")))
        if let created {
            try? fixture.runtime.start("exe")
            try fixture.wait(created)
        }
        // And the descriptor that a process of it would hold refuses to be written by root.
        let executable = try SelfExecutable.open(path: probe)
        let writable = open(executable.path, O_WRONLY | O_CLOEXEC)
        #expect(writable < 0)
        #expect(errno == EROFS || errno == EPERM || errno == ETXTBSY)
        #expect(try Files.read(probe, limit: 1 << 30) == before)
    }

    @Test func `a monitor runs from a mount that refuses writing even after it has ended`() throws {
        let created = try fixture.runtime.create(id: "mon", spec: try fixture.spec(["sleep", "60"]))
        try fixture.runtime.start("mon")
        let executable = try FileDescriptor.open("/proc/\(created.monitorPid)/exe", O_PATH)
        try fixture.runtime.delete("mon", force: true)
        let writable = open("/proc/self/fd/\(executable.rawValue)", O_WRONLY | O_CLOEXEC)
        #expect(writable < 0)
        // ETXTBSY comes first while another process still runs it.
        #expect(errno == EROFS || errno == ETXTBSY)
        #expect(wherry_mount_flags(executable.rawValue) & 1 == 1)  // ST_RDONLY
    }

    @Test func `a mount target that is a symlink stays inside the root`() throws {
        let host = fixture.directory + "/host"
        try Files.makeDirectories(host)
        symlink(host, fixture.image + "/escape")
        symlink("../../../../../../../../..\(host)", fixture.image + "/escape2")
        try Files.writeAtomically(Array("secret".utf8), to: fixture.directory + "/volume-file", mode: 0o644)
        let run = try fixture.shell("cat /escape/x/file; ls /escape2/y") { spec in
            spec.mounts.append(.bind(fixture.directory + "/volume-file", to: "/escape/x/file", readOnly: true))
            spec.mounts.append(.init(destination: "/escape2/y", type: "tmpfs", source: "tmpfs"))
        }
        #expect(run.output.first == "secret")
        #expect(try Files.listDirectory(host) == [])
    }

    @Test func `a root whose dev is a symlink gets no device on the host`() throws {
        let host = fixture.directory + "/hostdev"
        try Files.makeDirectories(host)
        try Files.removeTree(fixture.image + "/dev")
        symlink(host, fixture.image + "/dev")
        let spec = try fixture.spec(["true"])
        _ = try? fixture.runtime.create(id: "devlink", spec: spec)
        #expect(try Files.listDirectory(host) == [])
    }

    @Test(arguments: ["/proc", "/proc/self", "/proc/sys/kernel"])
    func `a volume over proc is refused`(destination: String) throws {
        let spec = try fixture.spec(["true"]) {
            $0.mounts.append(.bind(fixture.directory, to: destination, readOnly: false))
        }
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "proc", spec: spec) }
        #expect(error?.code == .refused)
    }

    @Test func `a link that leads a volume into proc is refused`() throws {
        symlink("/proc/sys", fixture.image + "/innocent")
        let spec = try fixture.spec(["true"]) {
            $0.mounts.append(.bind(fixture.directory, to: "/innocent", readOnly: false))
        }
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "proclink", spec: spec) }
        #expect(error?.code == .refused)
    }

    @Test func `proc at a path with a link is refused`() throws {
        try Files.removeTree(fixture.image + "/proc")
        symlink("/tmp", fixture.image + "/proc")
        let spec = try fixture.spec(["true"])
        #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "plink", spec: spec) }
    }

    @Test func `mount, unshare and new namespaces are denied`() throws {
        let run = try fixture.shell(
            "mount -t tmpfs x /tmp || echo no-mount; unshare -m true || echo no-unshare; umount /proc || echo no-umount"
        )
        #expect(run.output.contains("no-mount"))
        #expect(run.output.contains("no-unshare"))
        #expect(run.output.contains("no-umount"))
        #expect(run.text.contains("Operation not permitted"))
    }

    @Test func `a disk node can be made but not opened`() throws {
        let run = try fixture.shell(
            "mknod /tmp/disk b 254 0; head -c 1 /tmp/disk && echo opened; mknod /tmp/m c 1 1; cat /tmp/m && echo opened; head -c 1 /dev/zero | od -c | head -1"
        )
        #expect(!run.output.contains("opened"))
        #expect(run.text.contains("Operation not permitted") || run.text.contains("Permission denied"))
    }

    @Test func `kernel files are masked and proc sys is read-only`() throws {
        let run = try fixture.shell(
            """
            cat /proc/kcore | head -c 1 | od -c | head -1
            ls /sys/firmware
            echo 1 > /proc/sys/kernel/domainname || echo ro-sys
            echo b > /proc/sysrq-trigger || echo ro-sysrq
            touch /sys/x || echo ro-sysfs
            echo 1 > /sys/fs/cgroup/memory/cgroup.procs || echo ro-cgroup
            """)
        #expect(run.output.contains("ro-sys"))
        #expect(run.output.contains("ro-sysrq"))
        #expect(run.output.contains("ro-sysfs"))
        #expect(run.output.contains("ro-cgroup"))
        #expect(!run.text.contains("acpi"))
    }

    @Test func `a masked path that cannot be looked at is an error, not a skip`() throws {
        symlink("/loop", fixture.image + "/loop")
        let spec = try fixture.spec(["true"]) { $0.linux.maskedPaths.append("/loop") }
        #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "loop", spec: spec) }
    }

    @Test func `capabilities are the default set and nothing is inheritable`() throws {
        let run = try fixture.shell("grep Cap /proc/self/status")
        let sets = Dictionary(
            uniqueKeysWithValues: run.output.map { ($0.prefix { $0 != ":" }, $0.suffix(16)) })
        #expect(sets["CapBnd"] == "00000000a80425fb")
        #expect(sets["CapEff"] == "00000000a80425fb")
        #expect(sets["CapPrm"] == "00000000a80425fb")
        #expect(sets["CapInh"] == "0000000000000000")
        #expect(sets["CapAmb"] == "0000000000000000")
    }

    @Test func `more capabilities than the agent has are cut, not refused`() throws {
        let run = try fixture.shell("grep CapEff /proc/self/status") { spec in
            spec.process?.capabilities = .allowing(["CAP_SYS_RESOURCE", "CAP_NET_ADMIN"])
        }
        #expect(run.exit.code == 0)
        #expect(run.text.hasSuffix("1000") || run.text.hasSuffix("1001000"))
    }

    @Test(arguments: [true, false])
    func `the seccomp filter is on, with and without no_new_privs`(noNewPrivileges: Bool) throws {
        let run = try fixture.shell("grep -E 'Seccomp:|NoNewPrivs' /proc/self/status") {
            $0.process?.noNewPrivileges = noNewPrivileges
        }
        #expect(run.output == ["NoNewPrivs:\t\(noNewPrivileges ? 1 : 0)", "Seccomp:\t2"])
    }

    @Test func `without a profile there is no filter`() throws {
        let run = try fixture.shell("grep Seccomp: /proc/self/status") { $0.wherry.seccomp = .unconfined }
        #expect(run.output == ["Seccomp:\t0"])
    }

    @Test func `a process that changes its user keeps no capability`() throws {
        let run = try fixture.shell("id; grep -E 'CapEff|CapPrm' /proc/self/status; echo $HOME; echo x > /dev/stdout") {
            $0.process?.user = .init(username: "web")
        }
        #expect(run.output.first == "uid=1000(web) gid=1001(web) groups=2000(extra)")
        #expect(run.output.filter { $0.hasPrefix("Cap") }.allSatisfy { $0.hasSuffix("0000000000000000") })
        #expect(run.output.suffix(2) == ["/home/web", "x"])
    }

    @Test func `an unknown user is an error that names it`() throws {
        let spec = try fixture.spec(["true"]) { $0.process?.user = .init(username: "nobody:nogroup") }
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "user", spec: spec) }
        #expect(error?.code == .unknownUser)
        #expect(error?.message.contains("nobody") == true)
    }

    @Test func `a passwd file that is a link to the host's is not followed out`() throws {
        try Files.remove(fixture.image + "/etc/passwd")
        symlink("../../../../../../../../etc/passwd", fixture.image + "/etc/passwd")
        let spec = try fixture.spec(["true"]) { $0.process?.user = .init(username: "daemon") }
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "passwd", spec: spec) }
        #expect(error?.code == .unknownUser)
    }

    @Test func `bind mounts carry their flags`() throws {
        try Files.makeDirectories(fixture.directory + "/data")
        try Files.writeAtomically(Array("v\n".utf8), to: fixture.directory + "/data/f", mode: 0o644)
        let run = try fixture.shell(
            "cat /data/f; touch /data/g || echo ro; touch /rw/h && echo rw; grep -E ' /(data|rw) ' /proc/self/mountinfo"
        ) { spec in
            spec.mounts.append(.bind(fixture.directory + "/data", to: "/data", readOnly: true))
            spec.mounts.append(.bind(fixture.directory + "/data", to: "/rw", readOnly: false))
        }
        #expect(run.output.contains("v"))
        #expect(run.output.contains("ro"))
        #expect(run.output.contains("rw"))
        #expect(run.output.contains { $0.contains("/data ro,nosuid,nodev") })
        #expect(run.output.contains { $0.contains("/rw rw,nosuid,nodev") })
        #expect(Files.exists(fixture.directory + "/data/h"))
    }

    @Test func `a read-only root refuses writing`() throws {
        let run = try fixture.shell("touch /x || echo ro; touch /dev/shm/y && echo shm") {
            $0.root = .init(path: "/", readonly: true)
        }
        #expect(run.output.contains("ro"))
        #expect(run.output.contains("shm"))
    }

    @Test func `a sysctl of the host is refused and one of the container is set`() throws {
        let spec = try fixture.spec(["true"]) { $0.linux.sysctl = ["kernel.core_pattern": "|/x"] }
        #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "sysctl", spec: spec) }
        let traversal = try fixture.spec(["true"]) { $0.linux.sysctl = ["net/../kernel/core_pattern": "|/x"] }
        #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "sysctl", spec: traversal) }
        let run = try fixture.shell("cat /proc/sys/net/ipv4/ip_unprivileged_port_start") {
            $0.linux.sysctl = ["net.ipv4.ip_unprivileged_port_start": "80"]
        }
        #expect(run.output == ["80"])
    }

    @Test func `a net sysctl without an own network is refused`() throws {
        let spec = try fixture.spec(["true"]) {
            $0.linux.namespaces.removeAll { $0.type == .network }
            $0.linux.sysctl = ["net.ipv4.ip_forward": "1"]
        }
        let error = #expect(throws: RuntimeError.self) { try fixture.runtime.create(id: "netsys", spec: spec) }
        #expect(error?.code == .invalidSpec)
    }

    @Test func `the working directory is made and the environment is exact`() throws {
        let run = try fixture.run(["sh", "-c", "pwd; env"]) {
            $0.process?.cwd = "/srv/app/deep"
            $0.process?.env = ["PATH=/bin", "A=1", "HOME=/x"]
        }
        #expect(run.output.first == "/srv/app/deep")
        #expect(Set(run.output.dropFirst()).isSuperset(of: ["A=1", "HOME=/x", "PATH=/bin"]))
        #expect(!run.text.contains("SWIFT"))
    }

    @Test(.enabled(if: RuntimeFixture.canLimit)) func `limits of the cgroup are in force`() throws {
        let run = try fixture.shell("for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; echo after") { spec in
            spec.linux.resources = .init(pids: .init(limit: 4))
        }
        #expect(run.text.contains("Resource temporarily unavailable") || run.text.contains("can't fork"))
        let hog = try fixture.shell("dd if=/dev/zero of=/dev/shm/x bs=1M count=60") {
            $0.linux.resources = .init(memory: .init(limit: 16 << 20, swap: 16 << 20))
        }
        #expect(hog.exit.oomKilled)
    }

    @Test(.enabled(if: RuntimeFixture.canLimit), arguments: [512, 1024])
    func `a small memory limit suffices for the set-up`(kibibytes: Int64) throws {
        let run = try fixture.run(["true"]) {
            $0.linux.resources = .init(memory: .init(limit: kibibytes << 10))
        }
        #expect(run.exit.code == 0)
    }
}
