public import Hummingbird
public import NIOCore
import NIOSSL

/// What a route knows about a request besides the request itself.
public struct ServingContext: RequestContext {
    /// Which listener a request came in by.
    public enum Listener: String, Sendable {
        case unixSocket = "unix"
        case tls
    }

    public var coreContext: CoreRequestContextStorage
    /// The connection; for upgrades and peer addresses.
    public let channel: any Channel
    public var listener: Listener
    public var caller: Caller

    public init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        listener = .tls
        caller = .anonymous
    }

    /// The serial number, in lower-case hex, of the certificate that the client showed and the listener verified.
    public func clientCertificateSerial() async -> String? {
        guard let certificate = await clientCertificate() else { return nil }
        return certificate.serialNumber.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The certificate that the client showed and the listener verified, as DER.
    func clientCertificateBytes() async -> [UInt8]? {
        await clientCertificate().flatMap { try? $0.toDERBytes() }
    }

    private func clientCertificate() async -> NIOSSLCertificate? {
        guard listener == .tls else { return nil }
        return try? await channel.nioSSL_peerCertificate().get()
    }
}
