import AsyncHTTPClient
import JSON
import Linux
import NIOCore
import NIOHTTP1

/// Speaks HTTP to a daemon on this machine over its socket.
struct LocalClient: Sendable {
    let socket: String

    /// Says at once that nobody answers, instead of trying again for a while.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    init(_ options: ClientOptions) throws {
        self.init(runDirectory: try DaemonDirectories.absolute(options.run))
    }

    init(runDirectory: String) {
        socket = "\(runDirectory)/wherry.sock"
    }

    /// Sends one request and gives its answer, whatever its status.
    func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil, timeout: TimeAmount = .hours(12)
    ) async throws -> HTTPClientResponse {
        var address = "http+unix://\(Self.escape(socket, keeping: ""))\(Self.escape(path, keeping: "/"))"
        if !query.isEmpty {
            address +=
                "?"
                + query.map { "\(Self.escape($0, keeping: ""))=\(Self.escape($1, keeping: ""))" }
                .joined(separator: "&")
        }
        var request = HTTPClientRequest(url: address)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = body
        do {
            return try await Self.client.execute(request, timeout: timeout)
        } catch {
            throw CommandError(
                "no wherry daemon answers at \(socket) (\(error)); start one with `wherry agent` or `wherry hub`,"
                    + " or name its --run-dir")
        }
    }

    /// Sends a request whose answer must be a success, and gives its status and whole body. What the daemon warns of is printed.
    func success(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil
    ) async throws -> (status: HTTPResponseStatus, body: [UInt8]) {
        let response = try await send(method, path, query: query, headers: headers, body: body)
        let bytes = Array(buffer: try await response.body.collect(upTo: 64 << 20))
        guard (200..<300).contains(response.status.code) else {
            throw CommandError(Self.message(in: bytes) ?? "\(method) \(path): \(response.status)")
        }
        for header in response.headers["Warning"] {
            Wherry.write(toStandardError: "Warning: \(Self.text(ofWarning: header))")
        }
        return (response.status, bytes)
    }

    func json(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: JSONValue? = nil, contentType: String = "application/json"
    ) async throws -> JSONValue {
        var headers = headers
        var payload: HTTPClientRequest.Body?
        if let body {
            headers.append(("Content-Type", contentType))
            payload = .bytes(ByteBuffer(bytes: body.serialized()))
        }
        return try JSONValue(parsing: await success(method, path, query: query, headers: headers, body: payload).body)
    }

    /// Whether the daemon says that it is ready.
    func isReady() async -> Bool {
        guard let response = try? await send(.GET, "/readyz", timeout: .seconds(2)) else { return false }
        _ = try? await response.body.collect(upTo: 4096)
        return response.status == .ok
    }

    /// The sentence in an error's body: a Kubernetes Status or a Docker message.
    static func message(in body: [UInt8]) -> String? {
        guard let value = try? JSONValue(parsing: body) else { return nil }
        return value["message"]?.stringValue ?? value["error"]?.stringValue
    }

    /// What stands in the quotes of `299 - "text"` (RFC 7234, section 5.5).
    private static func text(ofWarning header: String) -> String {
        var (text, isQuoted) = ("", false)
        for character in header.drop(while: { $0 != "\"" }).dropFirst().dropLast() {
            if character == "\\", !isQuoted {
                isQuoted = true
            } else {
                text.append(character)
                isQuoted = false
            }
        }
        return text
    }

    private static func escape(_ text: String, keeping: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~":
                result.unicodeScalars.append(scalar)
            case _ where keeping.unicodeScalars.contains(scalar):
                result.unicodeScalars.append(scalar)
            default:
                let digits = Array("0123456789ABCDEF")
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return result
    }
}
