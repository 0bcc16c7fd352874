import Cgroups
import ContainerRuntime
import Linux
import OCI
import Testing

/// A runtime with a root of its own and a busybox image; removes every container it made.
final class RuntimeFixture {
    let directory: String
    let runtime: Runtime
    let image: String
    private var counter = 0
    private let tag: String

    static var isPossible: Bool { geteuid() == 0 && Files.exists("/bin/busybox") && probe != nil }

    /// A pure cgroup2 view of a machine whose memory and pids controllers are elsewhere cannot limit them.
    static var canLimit: Bool {
        guard isPossible else { return false }
        guard (try? CgroupLayout.detect()) == .v2 else { return true }
        let names = (try? Files.read("/sys/fs/cgroup/cgroup.controllers")) ?? []
        let words = String(decoding: names, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return words.contains("memory") && words.contains("pids")
    }

    /// The probe is built next to the test bundle.
    static var probe: String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return nil }
        var candidates = [String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)]
        candidates += CommandLine.arguments
        for candidate in candidates {
            var directory = Files.directory(of: candidate)
            while directory.count > 1 {
                let path = directory + "/runtime-probe"
                if Files.exists(path) { return path }
                directory = Files.directory(of: directory)
            }
        }
        return nil
    }

    init() throws {
        tag = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        directory = "/run/wherry-test-\(tag)"
        try Files.makeDirectories(directory, mode: 0o700)
        image = directory + "/image"
        try Self.makeImage(image)
        runtime = Runtime(
            root: directory + "/containers", executable: try SelfExecutable.open(path: try #require(Self.probe)))
    }

    deinit {
        for id in runtime.list() { try? runtime.delete(id, force: true) }
        for id in runtime.listSandboxes() { try? runtime.removeSandbox(id: id) }
        try? Files.removeTree(directory)
    }

    static func makeImage(_ path: String) throws {
        for name in ["bin", "etc", "proc", "sys", "dev", "tmp", "root"] { try Files.makeDirectories("\(path)/\(name)") }
        try Files.writeAtomically(
            try Files.read("/bin/busybox"), to: "\(path)/bin/busybox", mode: 0o755, durable: false)
        for name in [
            "sh", "true", "false", "cat", "echo", "ls", "id", "sleep", "mknod", "mount", "hostname", "ps", "dd", "env",
            "chmod", "stat", "readlink", "unshare", "touch", "pwd", "head", "seq", "grep", "wget", "umount", "kill",
            "yes", "ln", "mkdir", "ip", "od", "cmp",
        ] {
            symlink("busybox", "\(path)/bin/\(name)")
        }
        try Files.writeAtomically(
            Array("root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:Web:/home/web:/bin/sh\n".utf8),
            to: "\(path)/etc/passwd", mode: 0o644, durable: false)
        try Files.writeAtomically(
            Array("root:x:0:\nweb:x:1001:\nextra:x:2000:web,other\n".utf8), to: "\(path)/etc/group", mode: 0o644,
            durable: false)
    }

    /// A specification with an overlay root of its own.
    func spec(_ arguments: [String], _ change: (inout RuntimeSpec) throws -> Void = { _ in }) throws -> RuntimeSpec {
        counter += 1
        let base = "\(directory)/overlay\(counter)"
        for name in ["upper", "work"] { try Files.makeDirectories("\(base)/\(name)") }
        var spec = RuntimeSpec.standard(
            process: .init(args: arguments, env: ["PATH=/bin"]),
            overlay: .init(lower: [image], upper: "\(base)/upper", work: "\(base)/work"), hostname: "box",
            cgroupsPath: "/wherry-test-\(tag)-\(counter)", cgroupNamespace: try CgroupLayout.detect() == .v2)
        try change(&spec)
        return spec
    }

    func log(_ id: String) -> LogFile { LogFile(path: "\(directory)/logs/\(id).log") }

    /// What a container wrote, by stream, without the CRI prefix.
    func output(_ id: String) -> [String] {
        guard let bytes = try? Files.read(log(id).path) else { return [] }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3).joined()
        }
    }

    struct Run {
        let exit: ContainerExit
        let output: [String]
        var text: String { output.joined(separator: "\n") }
    }

    /// Creates and starts a container, waits for its end and deletes it.
    func run(
        _ arguments: [String], _ change: (inout RuntimeSpec) throws -> Void = { _ in }
    ) throws -> Run {
        let spec = try spec(arguments, change)
        let id = "c\(counter)"
        let created = try runtime.create(id: id, spec: spec, options: .init(log: log(id)))
        try runtime.start(id)
        try wait(created)
        let state = try runtime.state(id)
        let exit = try #require(state.exit)
        try runtime.delete(id)
        return Run(exit: exit, output: output(id))
    }

    func shell(_ script: String, _ change: (inout RuntimeSpec) throws -> Void = { _ in }) throws -> Run {
        try run(["sh", "-c", script], change)
    }

    /// Waits for a monitor, for at most 20 seconds.
    func wait(_ created: Runtime.Created) throws {
        var entry = pollfd(fd: created.monitorPidfd, events: Int16(POLLIN), revents: 0)
        try #require(poll(&entry, 1, 20_000) == 1)
        close(created.monitorPidfd)
    }

    /// Polls until a condition holds, for at most 10 seconds.
    func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        let deadline = MonotonicInstant.now().advanced(by: .seconds(60))
        while MonotonicInstant.now() < deadline {
            if try condition() { return true }
            poll(nil, 0, 5)
        }
        return false
    }
}
