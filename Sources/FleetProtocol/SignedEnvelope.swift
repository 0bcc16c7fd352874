internal import Crypto
import JSON

/// A DSSE envelope: a payload kept as the exact bytes that were signed, and who signed them.
///
/// https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
public struct SignedEnvelope: Hashable, Sendable {
    public struct Signature: Hashable, Sendable {
        public let keyID: String
        public let bytes: [UInt8]
        public init(keyID: String, bytes: [UInt8]) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    public let payloadType: String
    public let payload: [UInt8]
    public let signatures: [Signature]

    public init(payloadType: String, payload: [UInt8], signatures: [Signature]) {
        self.payloadType = payloadType
        self.payload = payload
        self.signatures = signatures
    }

    /// What is signed: pre-authentication encoding, so that type and length cannot be shifted into each other.
    public static func preAuthenticationEncoding(payloadType: String, payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }

    public func serialized() -> [UInt8] {
        JSONValue.object([
            "payloadType": .string(payloadType),
            "payload": .string(Base64.encode(payload)),
            "signatures": .array(
                signatures.map { .object(["keyid": .string($0.keyID), "sig": .string(Base64.encode($0.bytes))]) }),
        ]).serialized()
    }

    /// Reads the wrapper only; says nothing of the signatures.
    public init(parsing bytes: [UInt8], cap: Int = FleetLimits.head) throws(FleetError) {
        let value = try parseControl(bytes, cap: cap, what: "signed envelope")
        guard case .string(let type)? = value["payloadType"], case .string(let body)? = value["payload"],
            let payload = Base64.decode(body), case .array(let list)? = value["signatures"], list.count <= 8
        else { throw FleetError(.malformed, "signed envelope lacks payloadType, payload or signatures") }
        var signatures: [Signature] = []
        for item in list {
            guard case .string(let keyID)? = item["keyid"], case .string(let text)? = item["sig"],
                let bytes = Base64.decode(text)
            else { throw FleetError(.malformed, "a signature lacks keyid or sig") }
            signatures.append(Signature(keyID: keyID, bytes: bytes))
        }
        self.init(payloadType: type, payload: payload, signatures: signatures)
    }
}

/// The keys that may sign heads, with their root version.
public struct TrustedRoot: Hashable, Sendable {
    public let version: Int64
    /// How many distinct keys must have signed.
    public let threshold: Int
    /// Key id to raw Ed25519 public key.
    public let keys: [String: [UInt8]]

    public init(version: Int64 = 1, threshold: Int = 1, keys: [String: [UInt8]]) throws(FleetError) {
        for (id, key) in keys where key.count != 32 || HeadSigner.keyID(ofPublicKey: key) != id {
            throw FleetError(.invalidKey, "key \(id) is not an Ed25519 public key of that id")
        }
        guard threshold >= 1, keys.count >= threshold else {
            throw FleetError(.invalidKey, "a root of \(keys.count) keys cannot have the threshold \(threshold)")
        }
        self.version = version
        self.threshold = threshold
        self.keys = keys
    }

    /// Throws `unknownKey` when no listed key signed, `signature` when a listed key's signature is wrong or too few signed.
    /// - Returns: The ids of the keys whose signatures are good.
    @discardableResult
    public func verify(_ envelope: SignedEnvelope) throws(FleetError) -> Set<String> {
        let message = SignedEnvelope.preAuthenticationEncoding(
            payloadType: envelope.payloadType, payload: envelope.payload)
        let candidates = envelope.signatures.filter { keys[$0.keyID] != nil }
        guard !candidates.isEmpty else {
            let ids = envelope.signatures.map(\.keyID).joined(separator: ", ")
            throw FleetError(.unknownKey, "signed by [\(ids.prefix(200))], none of which this device trusts")
        }
        var valid: Set<String> = []
        for signature in candidates {
            guard let raw = keys[signature.keyID],
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: raw),
                key.isValidSignature(signature.bytes, for: message)
            else { continue }
            valid.insert(signature.keyID)
        }
        guard valid.count >= threshold else {
            throw FleetError(.signature, "\(valid.count) of \(threshold) needed signatures fit the signed bytes")
        }
        return valid
    }
}

/// An Ed25519 key that signs envelopes: the hub's for heads, or one that signs bundles.
public struct HeadSigner: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// A new random key.
    public init() { key = Curve25519.Signing.PrivateKey() }

    /// - Parameter seed: 32 bytes, as `seed` returned them.
    public init(seed: [UInt8]) throws(FleetError) {
        do { key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed) } catch {
            throw FleetError(.invalidKey, "an Ed25519 private key has 32 bytes, not \(seed.count)", cause: error)
        }
    }

    /// The private key: keep it in a 0600 file.
    public var seed: [UInt8] { Array(key.rawRepresentation) }
    /// 32 bytes.
    public var publicKey: [UInt8] { Array(key.publicKey.rawRepresentation) }
    public var keyID: String { HeadSigner.keyID(ofPublicKey: publicKey) }

    /// 32 hexadecimal digits of the SHA-256 of the raw public key.
    public static func keyID(ofPublicKey key: [UInt8]) -> String {
        String(hexadecimal(SHA256.hash(data: key)).prefix(32))
    }

    /// The bytes of `dn/head`.
    public func sign(_ head: Head) throws(FleetError) -> [UInt8] {
        try sign(payloadType: Head.payloadType, head.payload).serialized()
    }

    /// An envelope around `payload` with this key's signature.
    public func sign(payloadType: String, _ payload: [UInt8]) throws(FleetError) -> SignedEnvelope {
        let message = SignedEnvelope.preAuthenticationEncoding(payloadType: payloadType, payload: payload)
        do {
            let signature = try key.signature(for: message)
            return SignedEnvelope(
                payloadType: payloadType, payload: payload,
                signatures: [.init(keyID: keyID, bytes: Array(signature))])
        } catch {
            throw FleetError(.signature, "cannot sign a payload of type \(payloadType)", cause: error)
        }
    }
}
