import Linux

/// A real mosquitto on a loopback port, ended with the test.
final class Broker: Sendable {
    static let program = "/usr/sbin/mosquitto"
    static var isInstalled: Bool { Files.exists(program) }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let port: Int
    let directory: String
    private let child: ChildProcess.Spawned

    /// - Parameter settings: more lines for its configuration; `allow_anonymous true` is set.
    init(_ settings: String = "", port: Int? = nil) throws {
        self.port = try port ?? Broker.freePort()
        directory = "/tmp/wherry-mqtt-\(getpid())-\(self.port)-\(UInt32.random(in: 0 ... .max))"
        try Files.makeDirectories(directory)
        let path = "\(directory)/mosquitto.conf"
        let text = "user root\nlistener \(self.port) 127.0.0.1\nallow_anonymous true\n\(settings)\n"
        try Files.writeAtomically(Array(text.utf8), to: path, durable: false)
        let log = try FileDescriptor.open("\(directory)/log", O_WRONLY | O_CREAT, mode: 0o600)
        child = try ChildProcess.spawn(
            path: Broker.program, arguments: ["mosquitto", "-c", path],
            fileDescriptors: [(log.rawValue, 1), (log.rawValue, 2)])
        log.close()
    }

    /// Waits until the port answers.
    func ready() async throws {
        try await eventually("broker on port \(port)") { Broker.answers(self.port) }
    }

    func stop() {
        kill(child.pid, SIGKILL)
        _ = ChildProcess.wait(child.pid)
    }

    deinit {
        stop()
        _ = close(child.pidfd)
        try? Files.removeTree(directory)
    }

    static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        return address
    }

    static func answers(_ port: Int) -> Bool {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = close(fd) }
        var address = address(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    static func freePort() throws -> Int {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { _ = close(fd) }
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, length) == 0 && getsockname(fd, $0, &length) == 0
            }
        }
        guard bound else { throw Failure(description: "no free port") }
        return Int(in_port_t(bigEndian: address.sin_port))
    }
}

/// Takes connections in its backlog and never says a word.
final class Silent: Sendable {
    let port: Int
    private let fd: Int32

    init() throws {
        port = try Broker.freePort()
        fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Broker.address(port)
        let fd = fd
        let listening = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(fd, 8) == 0
            }
        }
        guard listening else { throw Broker.Failure(description: "cannot listen") }
    }

    deinit { _ = close(fd) }
}

/// Polls a condition until it holds or ten seconds are over.
func eventually(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw Broker.Failure(description: "\(what): not within \(limit)") }
        try await Task.sleep(for: .milliseconds(10))  // poll
    }
}
