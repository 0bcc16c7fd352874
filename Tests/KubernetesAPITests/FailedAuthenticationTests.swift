import Access
import HTTPTypes
import Hummingbird
import JSON
import Linux
import Logging
import NIOCore
import NIOEmbedded
import ResourceStore
import Testing

@testable import HTTPServing
@testable import KubernetesAPI

@Suite("Requests without valid credentials")
struct FailedAuthenticationTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Sends to a TLS listener that knows one token; gives the answers' codes and the audit log.
    private func audited(_ requests: [HTTPRequest]) async throws -> (codes: [Int], log: [JSONValue]) {
        var template = Array("/tmp/wherry-audit-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        try #require(made != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(directory) }
        let store = try Store(path: directory + "/state.db")
        let audit = AuditLog(path: directory + "/audit.log", logger: Self.logger)
        let core = RequestCore(
            responder: Router(context: ServingContext.self).buildResponder(),
            authenticator: .bearerTokens([("right", .administrator)]), publicPaths: ["/livez"], publicPrefixes: [],
            gate: AccessGate(
                RoleAuthorizer(store: store), audit: audit,
                failures: FailedAuthentications(log: audit, clock: ContinuousClock())),
            observe: nil, logger: Self.logger)
        let channel = NIOAsyncTestingChannel()
        channel.remoteAddress = try SocketAddress(ipAddress: "192.0.2.7", port: 40_000)
        var codes: [Int] = []
        for head in requests {
            let context = ServingContext(
                source: ApplicationRequestContextSource(channel: channel, logger: Self.logger))
            let request = Request(head: head, body: RequestBody(buffer: .init()))
            codes.append(try await core.response(to: request, context: context).status.code)
        }
        await store.close()
        guard Files.exists(directory + "/audit.log") else { return (codes, []) }
        let log = try Files.read(directory + "/audit.log").split(separator: UInt8(ascii: "\n"))
            .map { try JSONValue(parsing: Array($0)) }
        return (codes, log)
    }

    private static func get(_ path: String, _ fields: HTTPFields = [:]) -> HTTPRequest {
        HTTPRequest(method: .get, scheme: nil, authority: nil, path: path, headerFields: fields)
    }

    @Test("a wrong token is in the audit log as kube-apiserver writes it")
    func wrongToken() async throws {
        let path = "/api/v1/namespaces/shop/secrets/key?pretty=1"
        let (codes, log) = try await audited([
            Self.get(path, [.authorization: "Bearer wrong", .userAgent: "curl/8"])
        ])
        #expect(codes == [401])
        let event = try #require(log.first)
        #expect(event["kind"] == "Event" && event["apiVersion"] == "audit.k8s.io/v1" && event["level"] == "Metadata")
        #expect(event["stage"] == "ResponseStarted" && event["verb"] == "get")
        #expect(event["requestURI"] == .string(path) && event["userAgent"] == "curl/8")
        #expect(event["user"] == [:] && event["sourceIPs"] == ["192.0.2.7"])
        #expect(
            event["responseStatus"] == ["code": 401, "message": "Authentication failed, attempted: bearer"])
        #expect(
            event["objectRef"] == ["resource": "secrets", "namespace": "shop", "name": "key", "apiVersion": "v1"])
    }

    @Test("none at all is said in other words; what needs none and who is known are not counted")
    func noCredentials() async throws {
        let (codes, log) = try await audited([
            Self.get("/livez"), Self.get("/nowhere", [.authorization: "Bearer right"]), Self.get("/metrics"),
        ])
        #expect(codes == [404, 404, 401])
        #expect(log.count == 1)
        #expect(
            log.first?[path: "responseStatus", "message"] == "Authentication failed, no credentials provided")
    }

    @Test("who hammers gets one line, however long his requests are")
    func hammering() async throws {
        let long = String(repeating: "é", count: 30_000)
        let (codes, log) = try await audited(
            Array(repeating: Self.get("/api/v1/namespaces/\(long)/pods", [.userAgent: long]), count: 50))
        #expect(codes == Array(repeating: 401, count: 50))
        #expect(log.count == 1)
        #expect(try #require(log.first).serialized().count < 2_048)
    }
}
