import Testing

@testable import Identity

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

struct CertificateAuthorityTests {
    @Test func anAuthorityComesBackFromItsFiles() throws {
        let made = try CertificateAuthority.create(commonName: "hub")
        let read = try CertificateAuthority(certificatePEM: made.certificatePEM, keyPEM: made.keyPEM)
        #expect(read.fingerprint == made.fingerprint)
        #expect(made.fingerprint.utf8.count == 7 + 64)
    }

    @Test func aKeyOfAnotherAuthorityIsRefused() throws {
        let (one, two) = (
            try CertificateAuthority.create(commonName: "a"), try CertificateAuthority.create(commonName: "b")
        )
        let error = refusal { _ = try CertificateAuthority(certificatePEM: one.certificatePEM, keyPEM: two.keyPEM) }
        #expect(error?.code == .mismatch)
    }

    @Test func brokenTextIsMalformed() throws {
        let authority = try CertificateAuthority.create(commonName: "hub")
        #expect(
            refusal { _ = try CertificateAuthority(certificatePEM: "x", keyPEM: authority.keyPEM) }?.code == .malformed)
        #expect(
            refusal { _ = try authority.issueClient(commonName: "dev", signingRequestPEM: "x") }?.code == .malformed)
        #expect(refusal { _ = try CertificateAuthority.create(commonName: "hub", keyPEM: "x") }?.code == .malformed)
    }

    @Test func aRequestWhoseSignatureIsBrokenIsRefused() throws {
        let authority = try CertificateAuthority.create(commonName: "hub")
        let request = try SigningRequest.create(commonName: "dev").pem
        var lines = request.split(separator: "\n").map(String.init)
        let other = try SigningRequest.create(commonName: "dev").pem.split(separator: "\n").map(String.init)
        // The key stands at the front, the signature at the end: a request made of two halves is signed by another key.
        try #require(lines.count > 4 && lines.count == other.count)
        lines[lines.count - 2] = other[other.count - 2]
        let error = refusal {
            _ = try authority.issueClient(commonName: "dev", signingRequestPEM: lines.joined(separator: "\n"))
        }
        #expect(error?.code == .invalidSignature || error?.code == .malformed)
    }

    /// OpenSSL is the judge: it must accept the chains at any date, and refuse what the list revokes.
    @Test(.enabled(if: access("/usr/bin/openssl", X_OK) == 0))
    func opensslAcceptsTheChainsAtAnyDateAndRefusesWhatIsRevoked() throws {
        let authority = try CertificateAuthority.create(commonName: "hub")
        let server = try authority.issueServer(commonName: "hub", names: ["localhost", "127.0.0.1", "::1"])
        let request = try SigningRequest.create(commonName: "whatever")
        let client = try authority.issueClient(commonName: "dev-1", signingRequestPEM: request.pem)
        #expect(try CertificateFacts.belongTogether(certificatePEM: client, keyPEM: request.keyPEM))
        let other = try authority.issueClient(commonName: "dev-2", signingRequestPEM: request.pem)
        let list = try authority.revocationList(
            serialNumbers: [try CertificateFacts.serialNumber(ofPEM: other), "ff00"])
        let empty = try authority.revocationList(serialNumbers: [])
        // A power cut took the certificate of the CA: one made anew for its key stands in for it, and it for that.
        let renewed = try CertificateAuthority.create(commonName: "hub", keyPEM: authority.keyPEM)
        let later = try renewed.issueServer(commonName: "hub", names: ["localhost"])

        var template = Array("/tmp/wherry-identity.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { _ = run("rm -rf \(directory)") }
        for (name, text) in [
            ("ca", authority.certificatePEM), ("server", server.certificatePEM), ("client", client), ("other", other),
            ("list", list), ("empty", empty), ("renewed", renewed.certificatePEM), ("later", later.certificatePEM),
        ] { try write(text, to: "\(directory)/\(name)") }
        let verify = "cd \(directory); openssl verify -x509_strict -CAfile ca"
        for date in [86_400, 4_070_908_800] {
            #expect(run("\(verify) -attime \(date) -purpose sslserver -verify_ip 127.0.0.1 server") == 0)
            #expect(run("\(verify) -attime \(date) -purpose sslclient client") == 0)
            #expect(run("\(verify) -attime \(date) -crl_check -CRLfile list client") == 0)
            #expect(run("\(verify) -attime \(date) -crl_check -CRLfile empty other") == 0)
        }
        #expect(run("\(verify) -purpose sslserver -verify_hostname localhost server") == 0)
        #expect(run("\(verify) -purpose sslserver client") != 0)
        #expect(run("\(verify) -purpose sslserver later") == 0)
        #expect(run("cd \(directory); openssl verify -x509_strict -CAfile renewed -purpose sslclient client") == 0)
        #expect(run("\(verify) -crl_check -CRLfile list other") != 0)
        #expect(run("cd \(directory); openssl x509 -in client -noout -subject | grep -q 'CN = dev-1'") == 0)
    }

    private func refusal(_ body: () throws -> Void) -> IdentityError? {
        do { try body() } catch { return error as? IdentityError }
        return nil
    }

    private func write(_ text: String, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        let bytes = Array(text.utf8)
        try #require(bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == bytes.count)
    }

    private func run(_ command: String) -> Int32 {
        let status = system(command + " >/dev/null 2>&1")
        return status
    }
}
