import FleetProtocol
import Identity
import JSON
import Linux
import Synchronization
import Testing

@testable import DeviceLink

/// A hub's enrolment endpoint, played by python3: an HTTPS implementation that shares no code with the client.
final class EnrolmentServer: Sendable {
    static let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first { Files.exists($0) }

    private static let program = """
        import http.server, json, pathlib, ssl, sys
        port, directory = int(sys.argv[1]), pathlib.Path(sys.argv[2])

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                (directory / "request.json").write_bytes(json.dumps(
                    {"path": self.path, "body": json.loads(body)}).encode())
                answer = (directory / "answer.json").read_bytes()
                self.send_response(int((directory / "status").read_text()))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server.key")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.serve_forever()
        """

    let scratch: Scratch
    let authority: CertificateAuthority
    let line: EnrolmentLine
    private let child: ChildProcess.Spawned

    /// - Parameter names: what the server's certificate is for.
    init(names: [String] = ["127.0.0.1"], status: Int = 200, answer: JSONValue) throws {
        scratch = try Scratch()
        authority = try CertificateAuthority.create(commonName: "fleet")
        let port = try Fleet.freePort()
        line = EnrolmentLine(hub: "127.0.0.1:\(port)", authority: authority.fingerprint, secret: "s3cret")
        let pair = try authority.issueServer(commonName: "hub", names: names)
        let files = [
            "server.pem": pair.certificatePEM, "server.key": pair.keyPEM, "server.py": Self.program,
            "status": "\(status)", "answer.json": answer.description,
        ]
        for (name, text) in files {
            try Files.writeAtomically(Array(text.utf8), to: "\(scratch.path)/\(name)", durable: false)
        }
        let log = try FileDescriptor.open(scratch.path + "/log", O_WRONLY | O_CREAT, mode: 0o600)
        let python = try #require(Self.python)
        child = try ChildProcess.spawn(
            path: python, arguments: [python, scratch.path + "/server.py", "\(port)", scratch.path],
            fileDescriptors: [(log.rawValue, 1), (log.rawValue, 2)])
        log.close()
    }

    func request() throws -> JSONValue { try JSONValue(parsing: Files.read(scratch.path + "/request.json")) }

    deinit {
        kill(child.pid, SIGKILL)
        _ = ChildProcess.wait(child.pid)
        _ = close(child.pidfd)
    }
}

@Suite(.enabled(if: EnrolmentServer.python != nil, "needs python3"), .timeLimit(.minutes(5)))
struct EnrolmentTests {
    let device: Scratch
    init() throws { device = try Scratch() }

    private static func answer() throws -> JSONValue {
        try JSONValue(encoding: Signer("dev-7").response(brokers: ["127.0.0.1:8883"]))
    }

    /// Joins as soon as the server listens.
    private func join(_ line: EnrolmentLine, device name: String? = "dev-7") async -> Result<
        Enrolment.JoinResult, LinkError
    > {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do throws(LinkError) {
                return .success(
                    try await Enrolment.join(line: line.description, dataDirectory: device.path, device: name))
            } catch {
                guard error.code == .unreachable, ContinuousClock.now < deadline else { return .failure(error) }
                try? await Task.sleep(for: .milliseconds(50))  // poll
            }
        }
    }

    private func code(_ result: Result<Enrolment.JoinResult, LinkError>) -> LinkError.Code? {
        if case .failure(let error) = result { error.code } else { nil }
    }

    @Test func joinStoresAWholeIdentityWithAPrivateKey() async throws {
        let server = try EnrolmentServer(answer: Self.answer())
        let result = try await join(server.line).get()
        #expect(result.device == "dev-7")
        let identity = try DeviceIdentity.load(from: device.path)
        #expect(identity.device.text == "dev-7")
        #expect(identity.brokers == ["127.0.0.1:8883"])
        var info = stat()
        #expect(stat(device.path + "/identity/key.pem", &info) == 0)
        #expect(info.st_mode & 0o777 == 0o600)
        #expect(!Files.exists(device.path + "/identity.new"))
        let request = try server.request()
        #expect(request["path"]?.stringValue == EnrolmentRequest.path)
        #expect(request["body"]?["secret"] == "s3cret")
        #expect(request["body"]?["csr"]?.stringValue?.contains("BEGIN CERTIFICATE REQUEST") == true)
        // A second join changes nothing.
        #expect(code(await join(server.line)) == .alreadyEnrolled)
    }

    @Test func aBrokersOwnAuthorityIsKeptApartAndOneLeftOverGoes() async throws {
        var answer = try Self.answer()
        answer["brokerCACertificate"] = "other"
        let server = try EnrolmentServer(answer: answer)
        _ = try await join(server.line).get()
        let identity = device.path + "/identity"
        #expect(try DeviceIdentity.load(from: device.path).brokerAuthority == identity + "/broker-ca.pem")
        #expect(try Files.read(identity + "/broker-ca.pem") == Array("other".utf8))
        #expect(rename(identity, identity + ".new") == 0)
        let plain = try EnrolmentServer(answer: Self.answer())
        _ = try await join(plain.line).get()
        #expect(try DeviceIdentity.load(from: device.path).brokerAuthority == identity + "/ca.pem")
    }

    @Test func foreignFingerprintGetsNoSecret() async throws {
        let server = try EnrolmentServer(answer: Self.answer())
        let line = EnrolmentLine(hub: server.line.hub, authority: ContentDigest(of: [1]).text, secret: "s3cret")
        #expect(code(await join(line)) == .fingerprintMismatch)
        #expect(!Files.exists(server.scratch.path + "/request.json"))
        #expect(!Files.exists(device.path + "/identity"))
    }

    @Test func rightAuthorityForAnotherHostGetsNoSecret() async throws {
        // It holds the CA's certificate, which is public, but no leaf for this address.
        let server = try EnrolmentServer(names: ["elsewhere.example"], answer: Self.answer())
        try await eventually("server") {
            guard let client = try? await HubClient.connect(server.line) else { return false }
            do throws(LinkError) {
                _ = try await client.enrol(EnrolmentRequest(secret: "s3cret", device: nil, csr: ""))
                Issue.record("was sent")
            } catch {
                #expect(error.code == .unreachable)
            }
            return true
        }
        #expect(!Files.exists(server.scratch.path + "/request.json"))
    }

    @Test(arguments: [(401, "tokenRefused"), (409, "nameTaken"), (500, "refused")])
    func refusalSaysWhatTheHubSaid(_ status: Int, _ expected: String) async throws {
        let server = try EnrolmentServer(status: status, answer: ["kind": "Status", "message": "because of tests"])
        let result = await join(server.line)
        #expect(code(result)?.rawValue == expected)
        if case .failure(let error) = result { #expect(error.message.contains("because of tests")) }
        #expect(!Files.exists(device.path + "/identity"))
    }

    @Test func lostAnswerIsAskedForWithTheSameKey() async throws {
        let failing = try EnrolmentServer(status: 500, answer: [:])
        _ = await join(failing.line)
        let first = try Files.read(device.path + "/identity.new/key.pem")
        let server = try EnrolmentServer(answer: Self.answer())
        _ = try await join(server.line).get()
        #expect(try Files.read(device.path + "/identity/key.pem") == first)
    }

    @Test func unusableAnswerLeavesNoIdentity() async throws {
        let server = try EnrolmentServer(answer: ["device": "dev-7"])
        #expect(code(await join(server.line)) == .malformed)
        #expect(!Files.exists(device.path + "/identity"))
    }

    @Test func damagedLineIsRefused() async {
        do throws(LinkError) {
            _ = try await Enrolment.join(line: "wherry1.x", dataDirectory: device.path, device: nil)
            Issue.record("was taken")
        } catch {
            #expect(error.code == .invalidLine)
        }
    }
}
