import Linux
import Testing

struct ChildProcessTests {
    @Test func `a child gets exactly the descriptors that are listed`() throws {
        let leaked = open("/", O_RDONLY)  // without O_CLOEXEC on purpose
        defer { close(leaked) }
        let output = try FileDescriptor.pipe()
        let child = try ChildProcess.spawn(
            path: "/bin/sh", arguments: ["sh", "-c", "ls /proc/self/fd; echo $A; pwd"],
            environment: ["A=b", "PATH=/bin:/usr/bin"],
            fileDescriptors: [(output.writer.rawValue, 1), (output.writer.rawValue, 5)], workingDirectory: "/tmp")
        let text = try readAll(output)
        #expect(ChildProcess.wait(child.pid) == .exited(0))
        close(child.pidfd)
        #expect(text == "0\n1\n2\n3\n5\nb\n/tmp\n")
    }

    /// Consumes the pipe so that the writing end is closed before the read.
    private func readAll(_ ends: consuming PipeEnds) throws -> String {
        let reader = try ends.reader.duplicate()
        closeBoth(ends)
        return String(decoding: try reader.readToEnd(limit: 1 << 20), as: UTF8.self)
    }

    private func closeBoth(_ ends: consuming PipeEnds) {}

    @Test func `a program that does not exist is an error and leaves no child`() {
        let error = #expect(throws: SystemError.self) {
            try ChildProcess.spawn(path: "/nonexistent", arguments: ["x"])
        }
        #expect(error?.errno == .noEntry)
        #expect(error?.call == "execve")
    }

    @Test(arguments: [("exit 3", Linux.ExitStatus.exited(3), 3), ("kill -9 $$", .signaled(SIGKILL), 137)])
    func `an exit status is exact`(script: String, expected: Linux.ExitStatus, code: Int32) throws {
        let child = try ChildProcess.spawn(path: "/bin/sh", arguments: ["sh", "-c", script])
        let status = ChildProcess.wait(child.pid)
        close(child.pidfd)
        #expect(status == expected)
        #expect(status?.code == code)
        #expect(ChildProcess.reap(child.pid) == nil)
    }

    @Test func `signals that are blocked here are not blocked in a child`() throws {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        defer { pthread_sigmask(SIG_UNBLOCK, &set, nil) }
        let child = try ChildProcess.spawn(path: "/bin/sh", arguments: ["sh", "-c", "kill -TERM $$"])
        close(child.pidfd)
        #expect(ChildProcess.wait(child.pid) == .signaled(SIGTERM))
    }

    @Test func `a process is told from another one with its number`() throws {
        let start = try #require(ProcessIdentity.startTime(of: getpid()))
        #expect(isOpen(startTime: start))
        #expect(!isOpen(startTime: start + 1))
        #expect(ProcessIdentity.startTime(of: 0) == nil)
    }
}

private func isOpen(startTime: UInt64) -> Bool {
    guard let pidfd = ProcessIdentity.open(getpid(), startTime: startTime) else { return false }
    pidfd.close()
    return true
}

struct ProcessWatcherTests {
    @Test(.timeLimit(.minutes(5))) func `an end is seen, also one that is long past`() async throws {
        let watcher = ProcessWatcher()
        let child = try ChildProcess.spawn(path: "/bin/sh", arguments: ["sh", "-c", "exec sleep 0.1"])
        await watcher.waitForExit(ofPid: child.pid, pidfd: child.pidfd)
        await watcher.waitForExit(ofPid: child.pid, pidfd: child.pidfd)
        #expect(ChildProcess.reap(child.pid) == .exited(0))
        close(child.pidfd)
    }

    @Test(.timeLimit(.minutes(5))) func `a cancelled wait returns`() async throws {
        let watcher = ProcessWatcher()
        let child = try ChildProcess.spawn(path: "/bin/sh", arguments: ["sh", "-c", "exec sleep 100"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await watcher.waitForExit(ofPid: child.pid, pidfd: child.pidfd) }
            group.cancelAll()
        }
        kill(child.pid, SIGKILL)
        #expect(ChildProcess.wait(child.pid) == .signaled(SIGKILL))
        close(child.pidfd)
    }

    @Test(.timeLimit(.minutes(5))) func `many processes are watched at once`() async throws {
        let watcher = ProcessWatcher()
        try await withThrowingTaskGroup(of: Int32?.self) { group in
            for number: Int32 in 0..<20 {
                group.addTask {
                    let child = try ChildProcess.spawn(path: "/bin/sh", arguments: ["sh", "-c", "exit \(number)"])
                    await watcher.waitForExit(ofPid: child.pid, pidfd: child.pidfd)
                    close(child.pidfd)
                    return ChildProcess.reap(child.pid)?.code
                }
            }
            var codes: Set<Int32> = []
            for try await code in group { if let code { codes.insert(code) } }
            #expect(codes == Set(0..<20))
        }
    }
}

private actor Worker {
    private let executor: ThreadExecutor
    private(set) var count = 0

    init(_ executor: ThreadExecutor) { self.executor = executor }

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func step() -> UInt {
        count += 1
        return UInt(pthread_self())
    }
}

struct ThreadExecutorTests {
    @Test(.timeLimit(.minutes(5))) func `an actor's jobs run on the one thread`() async {
        let worker = Worker(ThreadExecutor(name: "test-worker"))
        let threads = await withTaskGroup(of: UInt.self) { group in
            for _ in 0..<200 { group.addTask { await worker.step() } }
            return await group.reduce(into: Set<UInt>()) { $0.insert($1) }
        }
        #expect(threads.count == 1)
        #expect(await worker.count == 200)
    }
}

struct RFC3339Tests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
        (4_070_908_799, "2098-12-31T23:59:59Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
    ])
    func `seconds become text and text seconds`(seconds: Int64, text: String) {
        #expect(RFC3339.format(seconds: seconds) == text)
        #expect(RFC3339.parse(text)?.seconds == seconds)
    }

    @Test func `decimals and zones are read`() {
        #expect(RFC3339.format(seconds: 1, nanoseconds: 120_000_000, digits: 9) == "1970-01-01T00:00:01.120000000Z")
        #expect(RFC3339.format(seconds: 1, nanoseconds: 120_000_000, digits: 3) == "1970-01-01T00:00:01.120Z")
        let parsed = RFC3339.parse("1970-01-01T01:00:01.5+01:00")
        #expect(parsed?.seconds == 1 && parsed?.nanoseconds == 500_000_000)
    }

    @Test(arguments: [
        "", "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Zx",
    ])
    func `anything else is refused`(text: String) {
        #expect(RFC3339.parse(text) == nil)
    }
}
