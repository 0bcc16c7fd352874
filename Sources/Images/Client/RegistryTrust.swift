internal import Linux
internal import NIOSSL

/// Whom a server must be, and who we are to it.
public struct RegistryTrust: Sendable, Hashable {
    /// PEM file of authorities that are trusted besides the system's.
    public var authorityFile: String?
    /// PEM file of our own certificate, its issuers after it, and of its key.
    public var certificateFile: String?
    public var keyFile: String?
    /// Takes any certificate (`insecure_skip_verify`).
    public var acceptsAnyCertificate = false

    public init() {}

    var isDefault: Bool { self == RegistryTrust() }

    /// Reads the files; done for each pull, so that a renewed certificate needs no restart.
    func tlsConfiguration() throws(ImageError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if acceptsAnyCertificate { tls.certificateVerification = .none }
        if let authorityFile {
            tls.additionalTrustRoots = [.certificates(try Self.certificates(authorityFile, "ca_file"))]
        }
        if let certificateFile, let keyFile {
            tls.certificateChain = try Self.certificates(certificateFile, "cert_file").map { .certificate($0) }
            do {
                tls.privateKey = .privateKey(
                    try NIOSSLPrivateKey(bytes: try Files.read(keyFile, limit: 1 << 20), format: .pem))
            } catch {
                throw Self.unreadable(keyFile, "key_file", error)
            }
        }
        return tls
    }

    private static func certificates(_ path: String, _ field: String) throws(ImageError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMBytes(try Files.read(path, limit: 4 << 20))
            guard !certificates.isEmpty else { throw ImageError(.invalidConfiguration, "it has no certificate") }
            return certificates
        } catch {
            throw unreadable(path, field, error)
        }
    }

    private static func unreadable(_ path: String, _ field: String, _ error: any Error) -> ImageError {
        let why = (error as? SystemError).map { "\($0.errno)" } ?? (error as? ImageError)?.message ?? "it is no PEM"
        return ImageError(
            .invalidConfiguration, "\(field) \(path) in registries.yaml cannot be used: \(why)", cause: error)
    }
}
