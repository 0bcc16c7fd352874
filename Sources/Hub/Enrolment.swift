internal import Crypto
internal import FleetProtocol
internal import Identity
internal import JSON
internal import Linux
internal import ResourceStore
internal import Resources
internal import SQLite

/// One-time tokens and the devices that they let in. Works inside one database transaction.
struct Enrolment {
    let identity: HubIdentity
    let connection: Connection
    /// Unix seconds.
    let now: Int64

    /// Seconds that a token is good for.
    static let tokenLifetime: Int64 = 24 * 3600

    /// Makes a token of 192 random bits; only its hash is kept.
    func createToken(hub: String, lifetime: Int64 = tokenLifetime) throws -> String {
        var generator = SystemRandomNumberGenerator()
        let secret = FleetProtocol.Base64.encodeURL(
            (0..<24).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        try connection.execute("DELETE FROM fleet_tokens WHERE expires < ?", [.integer(now - 30 * 24 * 3600)])
        try connection.execute(
            "INSERT INTO fleet_tokens (hash, hub, expires) VALUES (?, ?, ?)",
            [.text(Self.hash(secret)), .text(hub), .integer(now + lifetime)])
        return secret
    }

    private static func hash(_ secret: String) -> String { ContentDigest(of: Array(secret.utf8)).text }

    struct Admitted {
        let record: DeviceRecord
        /// Address of the hub as the token gave it.
        let hub: String
        let isNew: Bool
    }

    /// Lets a device in, or answers a repeated request as before: a lost answer costs nothing.
    func admit(_ request: EnrolmentRequest) throws -> Admitted {
        let digest = try keyDigest(request)
        let token = try connection.first(
            "SELECT hub, expires, device, request FROM fleet_tokens WHERE hash = ?", [.text(Self.hash(request.secret))]
        ) {
            (
                hub: $0.text(0), expires: $0.integer(1), device: $0.optionalText(2), request: $0.optionalText(3)
            )
        }
        guard let token else {
            throw Self.refused("the join token is unknown: make a new one with `wherry token create`")
        }
        if let used = token.device {
            guard token.request == digest, request.device == nil || request.device == used,
                let record = try DeviceRecord.find(DeviceID(used), connection)
            else {
                throw Self.refused(
                    "the join token has been used already, by device \(used): make a new one with `wherry token create`"
                )
            }
            return Admitted(record: record, hub: token.hub, isNew: false)
        }
        guard token.expires >= now else {
            throw Self.refused("the join token has expired: make a new one with `wherry token create`")
        }
        let device = try name(request, digest)
        let present = try DeviceRecord.find(device, connection)
        if let present, present.publicKey != digest {
            throw StatusError(
                code: 409, reason: .alreadyExists,
                message:
                    "a device named \"\(device)\" is enrolled with another key: choose another name with --node-name, or "
                    + "remove the old one with `kubectl delete node \(device)` at the hub")
        }
        let record = try present ?? insert(device, request, digest)
        try connection.execute(
            "UPDATE fleet_tokens SET device = ?, request = ? WHERE hash = ?",
            [.text(device.text), .text(digest), .text(Self.hash(request.secret))])
        return Admitted(record: record, hub: token.hub, isNew: present == nil)
    }

    private func keyDigest(_ request: EnrolmentRequest) throws -> String {
        do { return try CertificateFacts.publicKeyFingerprint(ofSigningRequestPEM: request.csr) } catch {
            throw StatusError.badRequest("csr: \(error.message)")
        }
    }

    /// The wished name, or one made from the key.
    private func name(_ request: EnrolmentRequest, _ digest: String) throws -> DeviceID {
        let text = request.device ?? "device-" + String(digest.dropFirst(7).prefix(10))
        let isDNSLabel = text.utf8.first != UInt8(ascii: "-") && text.utf8.last != UInt8(ascii: "-")
        guard isDNSLabel, let device = try? DeviceID(text) else {
            throw StatusError.badRequest(
                "\"\(text.prefix(60))\" is not a device name: use 1 to 40 of a-z, 0-9 and '-', not '-' at its ends")
        }
        return device
    }

    private func insert(_ device: DeviceID, _ request: EnrolmentRequest, _ digest: String) throws -> DeviceRecord {
        let certificate = try issue(device, request)
        let serial = try CertificateFacts.serialNumber(ofPEM: certificate)
        let record = DeviceRecord(
            device: device, serial: serial, publicKey: digest, certificate: certificate, enrolled: now)
        try record.insert(connection)
        return record
    }

    private func issue(_ device: DeviceID, _ request: EnrolmentRequest) throws -> String {
        do {
            return try identity.authority.issueClient(commonName: device.text, signingRequestPEM: request.csr)
        } catch {
            guard error.code == .invalidSignature || error.code == .malformed else { throw error }
            throw StatusError.badRequest("csr: \(error.message)")
        }
    }

    private static func refused(_ message: String) -> StatusError { .unauthorized(message) }
}
