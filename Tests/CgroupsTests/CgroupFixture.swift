import Linux
import Testing

@testable import Cgroups

/// The error with which `body` ends; nil when it does not.
func refusal(_ body: () throws -> Void) -> CgroupError? {
    do { try body() } catch { return error as? CgroupError }
    return nil
}

/// A group of this process's own, in whatever view of cgroups the process has: the machine's, or one made with `unshare
/// -m`.
struct CgroupFixture {
    let parent = "/wherry-test-\(getpid())"
    var path: String { parent + "/group" }

    static func offered(_ controller: String) -> Bool {
        (try? CgroupControllers.available().contains(controller)) ?? false
    }
    static var isV2: Bool { (try? CgroupLayout.detect()) == .v2 }

    func with(_ limits: CgroupLimits = CgroupLimits(), _ body: (Cgroup) throws -> Void) throws {
        // Also after a refusal, which leaves the parent.
        defer {
            if let group = try? Cgroup(existing: path) {
                try? group.kill()
                try? group.remove()
            }
            try? Cgroup(existing: parent).remove()
        }
        try body(try Cgroup.create(path: path, limits: limits))
    }

    /// The text of a control file, from v1 where it has the controller, else from cgroup2.
    func text(_ controller: String, _ file: String) throws -> String? {
        let mounts = try CgroupMounts.read()
        let mount = mounts.v1[controller] ?? mounts.unified
        return mount.flatMap { ControlFile.read($0 + path + "/" + file) }
    }

    /// A child that waits for a signal.
    func sleeper() throws -> pid_t { try shell("while :; do read x; done").pid }

    /// A shell that reads a line from `input` before it is what the caller makes of it.
    func shell(_ script: String) throws -> (pid: pid_t, input: Int32) {
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
        return (pid, ends[1])
    }

    /// The status with which a process ends: its exit code, or 128 and the signal.
    func status(of pid: pid_t) -> Int32 {
        var status: Int32 = 0
        guard waitpid(pid, &status, 0) == pid else { return -1 }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    /// What a process in the group can open for reading: 2 for /dev/null, 1 for /dev/zero, or their sum.
    func openable(in group: Cgroup) throws -> Int32 {
        let shell = try shell(
            "read go; exec 2>&-; n=0; (: </dev/null) && n=2; (: </dev/zero) && n=$((n+1)); exit $n")
        try group.attach(shell.pid)
        try #require(write(shell.input, "\n", 1) == 1)
        close(shell.input)
        return status(of: shell.pid)
    }
}
