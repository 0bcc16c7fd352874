import Access
import Crypto
import FleetProtocol
import HTTPServing
import Identity
import JSON
import KubernetesAPI
import Linux
import Logging
import Synchronization

/// Who a daemon is on its TLS listener, and how its own administrator gets in: a CA and a bearer token that are kept,
/// a server certificate made at each start, and the address it last listened on.
struct ListenerIdentity: Sendable {
    let authority: CertificateAuthority
    /// Whose certificates name people. At a hub it is not the devices' authority: a broker must not take a person for a device.
    private let userAuthority: CertificateAuthority
    let token: String
    private let directory: String

    /// Loads the identity from `<data>/tls`, or makes it at the first start.
    ///
    /// - Parameter authority: the hub's own CA; a device makes one.
    init(dataDirectory: String, commonName: String, authority: CertificateAuthority? = nil) throws {
        directory = "\(dataDirectory)/tls"
        try Files.makeDirectories(directory, mode: 0o700)
        if let authority {
            self.authority = authority
            userAuthority = try Self.loadAuthority("\(directory)/users-ca", commonName: "\(commonName) users")
        } else {
            self.authority = try Self.loadAuthority("\(directory)/ca", commonName: commonName)
            userAuthority = self.authority
        }
        token = try Self.loadToken("\(directory)/token")
    }

    private static func loadAuthority(_ path: String, commonName: String) throws -> CertificateAuthority {
        let certificate = "\(path).pem"
        let key = "\(path).key"
        func read(_ file: String) throws -> String { String(decoding: try Files.read(file), as: UTF8.self) }
        func take(_ authority: () throws -> CertificateAuthority) throws -> CertificateAuthority {
            do { return try authority() } catch {
                throw CommandError(
                    "\(certificate) and \(key) are not a readable pair (\(error)); restore them from a backup,"
                        + " or remove both: kubeconfigs must then be made anew")
            }
        }
        if Files.exists(certificate) {
            return try take { try CertificateAuthority(certificatePEM: read(certificate), keyPEM: read(key)) }
        }
        // A key alone is what a power cut leaves of the first start.
        let isRest = Files.exists(key)
        let made = try take {
            try CertificateAuthority.create(commonName: commonName, keyPEM: isRest ? read(key) : nil)
        }
        if !isRest { try Files.writeAtomically(Array(made.keyPEM.utf8), to: key) }
        try Files.writeAtomically(Array(made.certificatePEM.utf8), to: certificate)
        return made
    }

    private static func loadToken(_ path: String) throws -> String {
        if Files.exists(path) {
            return String(decoding: try Files.read(path), as: UTF8.self).filter { !$0.isWhitespace }
        }
        let key = SymmetricKey(size: .bits256)
        let token = key.withUnsafeBytes { bytes in
            bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        }
        try Files.writeAtomically(Array(token.utf8), to: path)
        return token
    }

    /// The listener's configuration. Without a wish it is the address of the last start, if that is free, else one of
    /// 127.0.0.1 that the kernel chooses.
    ///
    func listener(
        _ wish: ListenAddress?, commonName: String, names: [String]
    ) throws -> TLSListenerConfiguration {
        let address =
            wish ?? remembered.flatMap { Self.isFree($0) ? $0 : nil } ?? ListenAddress(host: "127.0.0.1", port: 0)
        var every = ["localhost", "127.0.0.1", "::1", commonName] + names
        if !["0.0.0.0", "::"].contains(address.host) { every.append(address.host) }
        var seen: Set<String> = []
        let pair = try authority.issueServer(commonName: commonName, names: every.filter { seen.insert($0).inserted })
        return TLSListenerConfiguration(
            address: address, certificateChainPEM: pair.certificatePEM, keyPEM: pair.keyPEM,
            clientAuthorityPEM: Set([authority.certificatePEM, userAuthority.certificatePEM]).joined(separator: "\n"))
    }

    /// Knows the administrator's token, the tokens of service accounts and the certificates of users.
    func authenticator(_ tokens: ServiceAccountTokens, logger: Logger) -> Authenticator {
        Authenticator { [token] presented in
            if ConstantTime.equal(presented, token) { return .administrator }
            do {
                return try await tokens.holder(of: presented).map { Caller($0.user) }
            } catch {
                logger.error("a token cannot be checked", metadata: ["error": "\(error)"])
                return nil
            }
        } owner: { certificate in
            CertificateUser(certificate: certificate).map {
                Caller(name: $0.name, groups: $0.groups + [User.authenticatedGroup])
            }
        }
    }

    private var remembered: ListenAddress? {
        guard let bytes = try? Files.read("\(directory)/address") else { return nil }
        return try? ListenAddress(parsing: String(decoding: bytes, as: UTF8.self))
    }

    func remember(_ address: ListenAddress) {
        guard remembered != address else { return }
        try? Files.writeAtomically(Array(address.description.utf8), to: "\(directory)/address")
    }

    /// Whether the address can be bound now. Only a hint: the listener's own bind decides.
    private static func isFree(_ address: ListenAddress) -> Bool {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        // A name is left to the listener: looking it up may take long.
        guard getaddrinfo(address.host, String(address.port), &hints, &found) == 0, let info = found?.pointee else {
            return true
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        return bind(descriptor, info.ai_addr, info.ai_addrlen) == 0
    }

    /// A kubeconfig for this listener's administrator.
    func kubeconfig(name: String, address: ListenAddress) -> JSONValue {
        kubeconfig(name: name, address: address, user: name, credentials: ["token": .string(token)])
    }

    /// A kubeconfig for a person, with a certificate of his own. What he may do, role bindings say.
    func kubeconfig(
        name: String, address: ListenAddress, user: CertificateUser, days: Int
    ) throws -> JSONValue {
        let pair = try userAuthority.issueUser(user, until: WallClock.now().seconds + Int64(days) * 86_400)
        return kubeconfig(
            name: name, address: address, user: user.name,
            credentials: [
                "client-certificate-data": .string(Base64.encode(Array(pair.certificatePEM.utf8))),
                "client-key-data": .string(Base64.encode(Array(pair.keyPEM.utf8))),
            ])
    }

    private func kubeconfig(
        name: String, address: ListenAddress, user: String, credentials: JSONValue
    ) -> JSONValue {
        let host = ["0.0.0.0", "::"].contains(address.host) ? "127.0.0.1" : address.host
        let server = "https://\(ListenAddress(host: host, port: address.port))"
        let authorityData = Base64.encode(Array(authority.certificatePEM.utf8))
        let cluster: JSONValue = ["server": .string(server), "certificate-authority-data": .string(authorityData)]
        return [
            "apiVersion": "v1", "kind": "Config", "current-context": .string(name),
            "clusters": [["name": .string(name), "cluster": cluster]],
            "users": [["name": .string(user), "user": credentials]],
            "contexts": [["name": .string(name), "context": ["cluster": .string(name), "user": .string(user)]]],
        ]
    }
}

/// Where the listener is reached, known once it listens.
final class ListenerAddress: Sendable {
    private let value = Mutex<ListenAddress?>(nil)

    var current: ListenAddress? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }

    /// Notes where the listener opened, here and for the next start.
    func opened(_ addresses: ListeningAddresses, remembering identity: ListenerIdentity) {
        guard let tls = addresses.tls else { return }
        current = tls
        identity.remember(tls)
    }
}
