internal import Crypto
internal import JSON
internal import Linux
internal import Resources
internal import Synchronization

/// The keys that sign and verify service account tokens, in a file that only root reads.
///
/// A new key is made every 30 days; the old ones verify until the last token that they signed has run out.
final class TokenKeys: Sendable {
    /// No token lives longer, whatever is asked for.
    static let longestLifetime: Int64 = 30 * 86_400
    private static let age: Int64 = 30 * 86_400

    struct Key: Sendable {
        let id: String
        let key: P256.Signing.PrivateKey
        let since: Int64
        /// When the next key took its place; nil for the one that signs.
        var retired: Int64?

        init(key: P256.Signing.PrivateKey, since: Int64, retired: Int64? = nil) {
            id = Base64.encodeURL(Array(SHA256.hash(data: key.publicKey.x963Representation)))
            self.key = key
            self.since = since
            self.retired = retired
        }
    }

    private let path: String
    /// The signing key last.
    private let keys: Mutex<[Key]>

    /// - Throws: `SystemError` and ``AccessError``.
    init(path: String) throws {
        self.path = path
        keys = Mutex(Files.exists(path) ? try Self.read(path) : [])
    }

    /// Signs with the present key, which is made when there is none or the last one is old.
    func sign(at now: Int64, _ body: (_ id: String) -> [UInt8]) throws -> (signed: [UInt8], signature: [UInt8]) {
        try keys.withLock { keys in
            // A date that jumped back makes a key look young for ever; one from the future is replaced as well.
            if keys.last.map({ now - $0.since >= Self.age || now < $0.since - Self.age }) ?? true {
                do { try rotate(&keys, now) } catch  where !keys.isEmpty {
                    // A full disk: the old key is as good as it was, and the next signature tries again.
                }
            }
            guard let key = keys.last else { throw AccessError(.noSigningKey, "there is no key for tokens in \(path)") }
            let signed = body(key.id)
            return (signed, Array(try key.key.signature(for: signed).rawRepresentation))
        }
    }

    func verify(_ signature: [UInt8], of signed: [UInt8], keyID: String) -> Bool {
        guard let key = keys.withLock({ $0.first { $0.id == keyID } }),
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
        else { return false }
        return key.key.publicKey.isValidSignature(signature, for: signed)
    }

    /// The public keys as a JSON Web Key Set.
    var webKeys: JSONValue {
        let list = keys.withLock { $0 }.map { key -> JSONValue in
            let point = Array(key.key.publicKey.x963Representation)
            return [
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": .string(key.id),
                "x": .string(Base64.encodeURL(point[1..<33])), "y": .string(Base64.encodeURL(point[33..<65])),
            ]
        }
        return ["keys": .array(list)]
    }

    // MARK: The file

    private func rotate(_ keys: inout [Key], _ now: Int64) throws {
        var next = keys.filter { now - ($0.retired ?? now) <= Self.longestLifetime }
        for index in next.indices where next[index].retired == nil { next[index].retired = now }
        next.append(Key(key: P256.Signing.PrivateKey(), since: now))
        let list = next.map { key -> JSONValue in
            var value: JSONValue = ["key": .string(key.key.pemRepresentation), "since": .integer(key.since)]
            value["retired"] = key.retired.map { .integer($0) }
            return value
        }
        try Files.writeAtomically(JSONValue.object(["keys": .array(list)]).serialized(), to: path)
        keys = next
    }

    private static func read(_ path: String) throws -> [Key] {
        do {
            let value = try JSONValue(parsing: try Files.read(path, limit: 1 << 20))
            return try (value["keys"]?.arrayValue ?? []).map { entry in
                Key(
                    key: try P256.Signing.PrivateKey(pemRepresentation: entry["key"]?.stringValue ?? ""),
                    since: Int64(entry["since"]?.intValue ?? 0), retired: entry["retired"]?.intValue.map { Int64($0) })
            }
        } catch {
            throw AccessError(
                .unreadableKeys,
                "the keys of service account tokens in \(path) cannot be read: restore the file from a backup, or remove it: "
                    + "tokens must then be issued anew", cause: error)
        }
    }
}
