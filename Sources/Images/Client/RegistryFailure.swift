internal import AsyncHTTPClient
internal import JSON
internal import Linux
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Words for what goes wrong between here and a registry.
enum RegistryFailure {
    /// Whether an https attempt failed the way it does at a server that speaks plain HTTP, or has no port 443.
    static func mayBePlainHTTP(_ error: any Error) -> Bool {
        switch error {
        case is NIOSSLError, is NIOConnectionError, is BoringSSLError: return true
        case let error as HTTPClientError:
            return error == .remoteConnectionClosed || error == .connectTimeout || error == .tlsHandshakeTimeout
        default: return "\(type(of: error))".contains("SSL")
        }
    }

    /// Whether a connection that stood was lost, so that the next one may be better.
    static func isBrokenConnection(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .remoteConnectionClosed || error == .readTimeout
        case let error as IOError: [ECONNRESET, EPIPE].contains(error.errnoCode)
        case is HTTPParserError: true
        default: false
        }
    }

    static func describe(_ error: any Error, authority: String) -> ImageError {
        let remedy = "check the name, the network and that the registry runs"
        switch error {
        case let error as ImageError: return error
        case is CancellationError: return ImageError(wrapping: error)
        case let error as NIOConnectionError:
            return ImageError(
                .registryUnreachable, "cannot reach registry \(authority): \(connectionDetail(error)); \(remedy)",
                cause: error)
        case is BlobConnection.Stalled:
            return ImageError(
                .registryUnreachable, "registry \(authority) sent nothing more; check the network", cause: error)
        case is ChannelError, is HTTPParserError, is BlobFetcher.ShortAnswer:
            return ImageError(
                .registryUnreachable, "registry \(authority) ended an answer too early; check the network", cause: error
            )
        case is RegistryClient.WrongRange:
            return ImageError(
                .registryFailure, "registry \(authority) sends another range than it is asked for", cause: error)
        case let error as HTTPClientError where error == .cancelled: return ImageError(wrapping: CancellationError())
        case let error as HTTPClientError:
            return ImageError(
                .registryUnreachable, "cannot reach registry \(authority): \(clientDetail(error)); \(remedy)",
                cause: error)
        case let error as IOError:
            return ImageError(
                .registryUnreachable,
                "cannot reach registry \(authority): \(Errno(rawValue: error.errnoCode)); \(remedy)", cause: error)
        default:
            return ImageError(
                .registryUnreachable,
                "cannot reach registry \(authority): \(mayBePlainHTTP(error) ? handshakeDetail(error) : "\(error)")",
                cause: error)
        }
    }

    // MARK: Certificates

    /// Where this device keeps the authorities that it trusts: the file that NIOSSL takes, the first that exists.
    private static var trustStore: String {
        let usual = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
        return usual.first(where: Files.exists) ?? usual[0]
    }

    /// Whether a TLS server was reached whose certificate is not good enough.
    static func isDistrust(_ error: any Error) -> Bool {
        if let error = error as? NIOSSLExtraError { return error == .failedToValidateHostname }
        return reasons(error).contains("CERTIFICATE_VERIFY_FAILED")
    }

    static func describe(
        distrust error: any Error, by chain: [NIOSSLCertificate], host: String, server: String
    ) -> ImageError {
        let now = WallClock.now().seconds
        let clock = "this device's clock says \(RFC3339.format(seconds: now))"
        let why: String
        if let end = chain.map({ Int64($0.notValidAfter) }).min(), end < now {
            why = "expired at \(RFC3339.format(seconds: end)): renew it there (\(clock))"
        } else if let start = chain.map({ Int64($0.notValidBefore) }).max(), start > now {
            why = "is not valid before \(RFC3339.format(seconds: start)): \(clock), set it"
        } else if error is NIOSSLExtraError {
            why = "is not for \(host): use a name that it was made for, or have it made for this one"
        } else {
            why =
                "is from an authority that this device does not trust: add the authority's certificate to \(trustStore) "
                + "(on Debian, copy it to /usr/local/share/ca-certificates and run update-ca-certificates)"
        }
        return ImageError(.registryUnreachable, "cannot reach \(server): its certificate \(why)", cause: error)
    }

    /// What a server says when it wants a certificate of ours, or another one.
    private static let alertsOfOurCertificate: Set<String> = [
        "TLSV1_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV1_ALERT_UNKNOWN_CA",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_REVOKED",
    ]

    private static func handshakeDetail(_ error: any Error) -> String {
        let reasons = reasons(error)
        if reasons.contains("WRONG_VERSION_NUMBER") || reasons.contains("HTTP_REQUEST") {
            return
                "it does not speak https; plain http is for registries on this machine, and for those that registries.yaml "
                + "gives an http:// endpoint"
        }
        if reasons.contains(where: Self.alertsOfOurCertificate.contains) {
            return "it does not accept this device's certificate: see cert_file and key_file in registries.yaml"
        }
        return "TLS failed\(reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"); check that it serves https"
    }

    /// The reasons in BoringSSL's stack, such as `WRONG_VERSION_NUMBER`, without its file names.
    private static func reasons(_ error: any Error) -> [String] {
        let stack: NIOBoringSSLErrorStack
        switch error {
        case NIOSSLError.handshakeFailed(BoringSSLError.sslError(let errors)): stack = errors
        case BoringSSLError.sslError(let errors): stack = errors
        default: return []
        }
        // "… error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at FILE:LINE"
        return stack.compactMap { entry in
            entry.description.split(separator: ":").dropFirst(5).first
                .map { String($0.prefix { $0 != " " }) }
        }
    }

    private static func connectionDetail(_ error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first {
            if let system = first.error as? IOError { return "\(Errno(rawValue: system.errnoCode))" }
            return "\(first.error)"
        }
        if error.dnsAError != nil || error.dnsAAAAError != nil { return "cannot resolve the name \(error.host)" }
        return "no address for \(error.host)"
    }

    private static func clientDetail(_ error: HTTPClientError) -> String {
        switch error {
        case .connectTimeout: "the connection timed out"
        case .readTimeout, .deadlineExceeded: "it did not answer in time"
        case .remoteConnectionClosed: "it closed the connection"
        default: "\(error.shortDescription)"
        }
    }

    /// An answer that is an error, in the specification's `{"errors":[{"code","message"}]}` form or not.
    static func describe(status: Int, body: [UInt8], authority: String, hasCredentials: Bool) -> ImageError {
        let first = (try? JSONValue(parsing: body))?["errors"]?[0]
        let code = first?["code"]?.stringValue?.prefix(60) ?? ""
        let detail = first?["message"]?.stringValue?.prefix(200) ?? ""
        switch status {
        case 404:
            let what = code.isEmpty ? "not found" : code.lowercased().split(separator: "_").joined(separator: " ")
            return ImageError(
                .unknownImage, "\(what) at registry \(authority); check the name and tag")
        case 401, 403:
            let remedy = hasCredentials ? "check the login" : "it may not exist, or may need a login"
            return ImageError(.unauthorized, "registry \(authority) refuses access (\(status) \(detail)); \(remedy)")
        case 429:
            return ImageError(.registryFailure, "registry \(authority) says too many requests; try again later")
        default:
            return ImageError(.registryFailure, "registry \(authority) answered \(status) \(code) \(detail)")
        }
    }
}
