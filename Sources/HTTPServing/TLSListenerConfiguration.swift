import NIOSSL

/// The optional TLS listener: where it listens and who it is.
public struct TLSListenerConfiguration: Sendable {
    public var address: ListenAddress
    /// Leaf first, then its issuers, as PEM.
    public var certificateChainPEM: String
    public var keyPEM: String
    /// Whose certificates clients may show, one after the other; nil asks for none. A client without one gets in, one with another's does not.
    public var clientAuthorityPEM: String?

    public init(
        address: ListenAddress, certificateChainPEM: String, keyPEM: String, clientAuthorityPEM: String? = nil
    ) {
        self.address = address
        self.certificateChainPEM = certificateChainPEM
        self.keyPEM = keyPEM
        self.clientAuthorityPEM = clientAuthorityPEM
    }

    /// HTTP/1.1 only: upgrades to raw streams and WebSockets do not exist in HTTP/2 as clients use it.
    func makeTLSConfiguration() throws(HTTPServingError) -> TLSConfiguration {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificateChainPEM.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            if let clientAuthorityPEM {
                configuration.trustRoots = .certificates(
                    try NIOSSLCertificate.fromPEMBytes(Array(clientAuthorityPEM.utf8)))
                configuration.certificateVerification = .optionalVerification
                // So that clients with certificates for other servers keep them to themselves.
                configuration.sendCANameList = true
            }
            return configuration
        } catch {
            throw HTTPServingError(
                .invalidCertificate,
                "cannot serve TLS on \(address): its certificate or key cannot be read (\(error)); "
                    + "remove the server's certificate files from the data directory to have them made anew",
                cause: error)
        }
    }
}
