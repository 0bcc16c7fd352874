internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import NIOCore

/// What a client without sufficient credentials is told: where to get a token, and for what.
struct Challenge {
    static let service = "wherry-registry"

    let host: String?
    let scopes: [AccessScope]
    let hadToken: Bool

    var header: String {
        let scope = scopes.isEmpty ? "" : ",scope=\"\(scopes.map(\.description).joined(separator: " "))\""
        let error = hadToken ? ",error=\"insufficient_scope\"" : ""
        return "Bearer realm=\"https://\(Self.checked(host))/v2/token\",service=\"\(Self.service)\"\(scope)\(error)"
    }

    /// The host as the client wrote it: it reached us by that name.
    static func checked(_ host: String?) -> String {
        guard let host, !host.isEmpty, host.utf8.count <= 262,
            host.utf8.allSatisfy({ byte in
                "-.:[]".utf8.contains(byte) || (byte < 0x80 && Character(Unicode.Scalar(byte)).isLetter)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            })
        else { return "localhost" }
        return host
    }
}

extension RegistryRoutes {
    /// Who makes a request: by the listener's own credentials, a token, a password or a certificate.
    /// - Throws: `unauthorized` when credentials are given and wrong.
    func caller(of request: RegistryRequest) async throws(ImageError) -> RegistryCaller {
        if [Caller.localAdministrator, .administrator].contains(request.context.caller) { return .administrator }
        if let header = request.request.headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1)
            let value = parts.count == 2 ? String(parts[1]) : ""
            switch parts.first?.lowercased() {
            case "basic": return try await access.caller(basic: value, from: request.address)
            case "bearer":
                if let caller = access.caller(token: value) { return caller }
                throw ImageError(.unauthorized, "the token is not valid, or not any more")
            default: throw ImageError(.unauthorized, "log in with a password or a token")
            }
        }
        if let serial = await request.context.clientCertificateSerial(),
            let device = await access.caller(certificateSerial: serial)
        {
            return device
        }
        return .anonymous
    }

    /// Docker's token protocol: GET with a Basic login, or POST of an OAuth 2 form.
    func token(_ request: RegistryRequest) async throws -> Response {
        guard ["GET", "POST"].contains(request.method) else { return Self.unsupported(request, allow: "GET, POST") }
        let items = request.method == "GET" ? request.query : try await form(of: request)
        let caller: RegistryCaller
        do throws(ImageError) {
            caller = try await login(request, items)
            try access.demandLogin(caller)
        } catch {
            var response = DistributionFailure(error).response
            if error.code == .unauthorized {
                response.headers[.wwwAuthenticate] = "Basic realm=\"\(Challenge.service)\""
            }
            return response
        }
        let scopes = items.all("scope").flatMap { $0.split(separator: " ") }.compactMap { AccessScope(parsing: $0) }
        let (token, seconds) = await access.token(for: caller, scopes: scopes)
        return Response.json([
            "token": .string(token), "access_token": .string(token), "expires_in": .integer(seconds),
        ])
    }

    private func form(of request: RegistryRequest) async throws -> QueryItems {
        let items: QueryItems
        do { items = QueryItems(String(decoding: try await request.body(upTo: 64 << 10), as: UTF8.self)) } catch {
            throw DistributionFailure("UNSUPPORTED", 413, "the form is too large")
        }
        guard items["grant_type"] == "password", items["username"] != nil, items["password"] != nil else {
            throw DistributionFailure(
                "UNSUPPORTED", 400, "the only grant_type is password, with username and password")
        }
        return items
    }

    private func login(_ request: RegistryRequest, _ items: QueryItems) async throws(ImageError) -> RegistryCaller {
        guard request.method == "POST" else { return try await caller(of: request) }
        return try await access.caller(
            name: items["username"] ?? "", password: items["password"] ?? "", from: request.address)
    }
}
