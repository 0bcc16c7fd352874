internal import AsyncHTTPClient
internal import JSON
internal import Linux
internal import NIOCore
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

    static func describe(_ error: any Error, authority: String) -> ImageError {
        let remedy = "check the name, the network and that the registry runs"
        switch error {
        case let error as ImageError: return error
        case is CancellationError: return ImageError(wrapping: error)
        case let error as NIOConnectionError:
            return ImageError(
                .registryUnreachable, "cannot reach registry \(authority): \(connectionDetail(error)); \(remedy)",
                cause: error)
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
            let isTLS = mayBePlainHTTP(error)
            let why = isTLS ? "TLS failed (\(error)); check its certificate, or allow it as insecure" : "\(error)"
            return ImageError(.registryUnreachable, "cannot reach registry \(authority): \(why)", cause: error)
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
