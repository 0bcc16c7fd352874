public import FleetProtocol
internal import Linux

/// Whom a reader of bundles believes: the keys of a directory, and the hub that the device joined.
public struct BundleTrust: Sendable {
    /// Key ids of bundles without a hub.
    public let keys: [String: [UInt8]]
    /// The root of the device's enrolment.
    public let hub: TrustedRoot?
    /// Where `keys` come from; for messages.
    let source: String

    public init(keys: [[UInt8]], hub: TrustedRoot?, source: String) {
        self.keys = Dictionary(keys.map { (HeadSigner.keyID(ofPublicKey: $0), $0) }) { first, _ in first }
        self.hub = hub
        self.source = source
    }

    /// The keys below a data directory: `bundle-keys/*.pem` and `*.pub`.
    ///
    /// - Throws: ``BundleError`` naming a file that is no key: a damaged file is not the same as none.
    public static func load(dataDirectory: String, hub: TrustedRoot?) throws(BundleError) -> BundleTrust {
        let directory = dataDirectory + "/bundle-keys"
        return BundleTrust(keys: try keys(in: directory), hub: hub, source: directory)
    }

    /// The public keys of a directory; none when it does not exist.
    public static func keys(in directory: String) throws(BundleError) -> [[UInt8]] {
        guard Files.exists(directory) else { return [] }
        do {
            return try Files.listDirectory(directory).sorted()
                .filter { $0.hasSuffix(".pem") || $0.hasSuffix(".pub") }
                .map { try SigningKeyFile.publicKey(path: "\(directory)/\($0)") }
        } catch {
            throw BundleError(wrapping: error)
        }
    }

    /// Verifies an envelope before anything of its payload is looked at.
    /// - Returns: The ids of the keys that signed, and whether the hub did.
    func verify(_ envelope: SignedEnvelope) throws(BundleError) -> (keys: Set<String>, isHub: Bool) {
        do {
            let all = keys.merging(hub?.keys ?? [:]) { first, _ in first }
            guard !all.isEmpty else {
                throw BundleError(
                    .unknownKey,
                    "no key is trusted here: put the public key of whoever makes your bundles into \(source) as a .pem file"
                )
            }
            let valid = try TrustedRoot(version: 1, threshold: 1, keys: all).verify(envelope)
            if let hub, !valid.isDisjoint(with: hub.keys.keys), let signers = try? hub.verify(envelope) {
                return (signers, true)
            }
            // The hub's key signs for the hub only, and with the others that its root wants.
            let own = valid.intersection(keys.keys)
            guard !own.isEmpty else { throw BundleError(.signature, "too few of the hub's keys signed it") }
            return (own, false)
        } catch let error as FleetError where error.code == .unknownKey {
            throw BundleError(
                .unknownKey, "\(error.message); if it is yours, put its public key into \(source) as a .pem file")
        } catch {
            throw BundleError(wrapping: error)
        }
    }
}

/// Ed25519 keys in PEM, as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them (RFC 8410).
public enum SigningKeyFile {
    private static let publicPrefix: [UInt8] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ]
    private static let privatePrefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    /// The 32 bytes of a public key.
    public static func publicKey(path: String) throws(BundleError) -> [UInt8] {
        guard let key = try content(path, label: "PUBLIC KEY", prefix: publicPrefix) else {
            throw BundleError(
                .invalidKey, "\(path) is no Ed25519 public key in PEM; openssl pkey -in KEY.pem -pubout writes one")
        }
        return key
    }

    public static func signer(path: String) throws(BundleError) -> HeadSigner {
        guard let seed = try content(path, label: "PRIVATE KEY", prefix: privatePrefix),
            let signer = try? HeadSigner(seed: seed)
        else {
            throw BundleError(
                .invalidKey,
                "\(path) is no Ed25519 private key in PEM; openssl genpkey -algorithm ed25519 -out KEY.pem makes one")
        }
        return signer
    }

    /// The 32 bytes after the algorithm's identifier; nil when it is anything else.
    private static func content(_ path: String, label: String, prefix: [UInt8]) throws(BundleError) -> [UInt8]? {
        let bytes: [UInt8]
        do { bytes = try Files.read(path, limit: 16 << 10) } catch {
            throw BundleError(.invalidKey, "cannot read the key \(path): \(error.errno)", cause: error)
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        guard let start = lines.firstIndex(of: "-----BEGIN \(label)-----"),
            let end = lines.firstIndex(of: "-----END \(label)-----"), start < end,
            let der = Base64.decode(lines[(start + 1)..<end].joined()), der.count == prefix.count + 32,
            der.starts(with: prefix)
        else { return nil }
        return Array(der.dropFirst(prefix.count))
    }
}
