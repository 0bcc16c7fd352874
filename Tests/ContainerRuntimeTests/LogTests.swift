import Linux
import OCI
import Testing

@testable import ContainerRuntime

struct LogTests {
    private let path = "/tmp/wherry-log-\(UInt64.random(in: 0...UInt64.max))/c.log"

    private func log(_ file: LogFile) throws -> ContainerLog {
        try ContainerLog.makeFile(file)
        return try ContainerLog(file)
    }

    private func lines(_ path: String) throws -> [(stream: Substring, tag: Substring, text: Substring)] {
        String(decoding: try Files.read(path), as: UTF8.self).split(separator: "\n").map { line in
            let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            return (parts[1], parts[2], parts[3])
        }
    }

    @Test func `lines get a timestamp, their stream and the tag F`() throws {
        var log = try log(LogFile(path: path))
        log.append(Array("one\ntwo".utf8)[...], to: .stdout)
        log.append(Array("\n\nlast".utf8)[...], to: .stdout)
        log.append(Array("err\n".utf8)[...], to: .stderr)
        log.finish(.stdout)
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        #expect(
            try lines(path).map { "\($0.stream) \($0.tag) \($0.text)" } == [
                "stdout F one", "stdout F two", "stdout F ", "stderr F err", "stdout P last",
            ])
        let stamp = try #require(text.split(separator: " ").first)
        #expect(stamp.utf8.count == 30 && stamp.hasSuffix("Z"))
        #expect(RFC3339.parse(String(stamp)) != nil)
    }

    @Test(arguments: [16383, 16384, 16385, 40000, 49152])
    func `a long line comes in pieces of 16 KiB whatever the reads`(length: Int) throws {
        for chunk in [1000, 16384, 65536] {
            let path = "\(path)-\(chunk)"
            var log = try log(LogFile(path: path))
            var rest = (0..<length).map { UInt8(ascii: "a") + UInt8($0 % 26) }[...]
            let whole = Array(rest)
            rest.append(UInt8(ascii: "\n"))
            while !rest.isEmpty {
                log.append(rest.prefix(chunk), to: .stdout)
                rest = rest.dropFirst(chunk)
            }
            let lines = try lines(path)
            #expect(Array(lines.map(\.text).joined().utf8) == whole)
            #expect(lines.dropLast().allSatisfy { $0.tag == "P" && $0.text.utf8.count == ContainerLog.longestPiece })
            #expect(lines.last?.tag == "F")
        }
    }

    @Test func `a full file is rotated and the oldest goes`() throws {
        var log = try log(LogFile(path: path, maxBytes: 400, maxFiles: 3))
        for number in 0..<40 { log.append(Array("line \(number)\n".utf8)[...], to: .stdout) }
        let names = try Files.listDirectory(Files.directory(of: path))
        #expect(names == ["c.log", "c.log.1", "c.log.2"])
        let kept = try (lines(path + ".2") + lines(path + ".1") + lines(path)).map { String($0.text) }
        #expect(kept.last == "line 39")
        #expect(kept == (40 - kept.count..<40).map { "line \($0)" })
        for name in names {
            #expect(try Files.read("\(Files.directory(of: path))/\(name)").count <= 400)
        }
    }
}

struct UserDatabaseTests {
    private let database = UserDatabase(
        passwd: """
            root:x:0:0:root:/root:/bin/sh
            app:x:500:600:App:/srv/app:/bin/sh
            broken
            minus:x:-1:0::/:/bin/sh
            12:x:77:78::/twelve:/bin/sh
            """,
        group: "root:x:0:\nstaff:x:700:app,other\napps:x:600:\nwheel:x:800:app\n")

    private func identity(_ name: String) throws(RuntimeError) -> UserDatabase.Identity {
        try database.identity(RuntimeSpec.User(username: name))
    }

    @Test func `a name gives the user's ids, groups and home`() throws {
        #expect(try identity("app") == .init(uid: 500, gid: 600, groups: [700, 800], home: "/srv/app"))
    }

    @Test func `a group that is given replaces the user's`() throws {
        #expect(try identity("app:staff") == .init(uid: 500, gid: 700, groups: [], home: "/srv/app"))
        #expect(try identity("app:4242") == .init(uid: 500, gid: 4242, groups: [], home: "/srv/app"))
    }

    @Test func `a number is looked up for its group and home`() throws {
        #expect(try identity("500") == .init(uid: 500, gid: 600, groups: [700, 800], home: "/srv/app"))
        #expect(try identity("9999") == .init(uid: 9999, gid: 0, groups: [], home: "/"))
    }

    @Test func `a name made of digits wins over the number`() throws {
        #expect(try identity("12").uid == 77)
    }

    @Test(arguments: [
        "nobody", "-1", "+5", "5x", "4294967295", "99999999999", ":root", "minus", "app:none", "app:-1", "app:",
    ])
    func `what is neither a known name nor a plain number is refused (CVE-2026-30892)`(text: String) {
        #expect(throws: RuntimeError.self) { try identity(text) }
    }
}

struct SpecificationTests {
    @Test func `a specification survives encoding and decoding`() throws {
        var spec = RuntimeSpec.standard(
            process: .init(args: ["a", "b"], env: ["X=1"], cwd: "/w", user: .init(username: "u")),
            overlay: .init(lower: ["/l"], upper: "/u", work: "/w"), hostname: "h", cgroupsPath: "/g",
            cgroupNamespace: true,
            resources: .init(memory: .init(limit: 5), cpu: .init(quota: 7), pids: .init(limit: 9)))
        spec.annotations = ["k": "v"]
        #expect(try RuntimeSpec.decode(spec.encoded()) == spec)
    }

    @Test func `the plan of a monitor survives its file`() throws {
        var spec = RuntimeSpec.standard(
            process: .init(args: ["a"]), root: .init(path: "/r"),
            namespaces: [.init(.pid), .init(.mount), .init(.network, path: "/n")], cgroupsPath: "/g",
            cgroupNamespace: false, resources: .init(memory: .init(limit: 5), pids: .init(limit: 9)))
        spec.process?.oomScoreAdj = -5
        let plan = try MonitorPlan(spec: spec, log: LogFile(path: "/l", maxBytes: 3, maxFiles: 4))
        let copy = try #require(MonitorPlan(json: plan.json))
        #expect(copy.json == plan.json)
        #expect(copy.limits == plan.limits)
        #expect(copy.log == plan.log)
        #expect(copy.joins.count == 1)
    }

    @Test(arguments: ["net.ipv4.ip_forward", "net/ipv4/conf/eth0.1/forwarding", "kernel.shmmax"])
    func `a sysctl of a namespace is allowed`(name: String) throws {
        try Sysctl.validate(names: [name], hostNetwork: false)
    }

    @Test(arguments: ["kernel.core_pattern", "vm.swappiness", "net", "net..x", "net/../../x", "/net/x", "net.a b", ""])
    func `any other sysctl is refused`(name: String) {
        #expect(throws: RuntimeError.self) { try Sysctl.validate(names: [name], hostNetwork: false) }
    }

    @Test func `ambient capabilities are cut to what is permitted and inheritable`() {
        let five = CapabilitySet.sets(
            .init(
                inheritable: ["CAP_CHOWN"], permitted: ["CAP_CHOWN", "CAP_KILL"], ambient: ["CAP_CHOWN", "CAP_KILL"]))
        #expect(five.ambient == 1)
    }

    @Test func `unknown capabilities give nothing and are told`() {
        let names = RuntimeSpec.Capabilities.allowing(["CAP_NOTHING", "CHOWN", "CAP_KILL"])
        #expect(CapabilitySet.sets(names).permitted == 1 << 5)
        #expect(CapabilitySet.unknown(names) == ["CAP_NOTHING", "CHOWN"])
    }
}
