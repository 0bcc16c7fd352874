public import FleetProtocol
internal import Identity
internal import Linux
import Synchronization

/// The hub's desired state on another way than the broker: signed by the same key, checked and committed by the same code.
extension HubLink {
    /// What a head and its document are to this device.
    public struct Delivery: Sendable {
        public let revision: Revision
        public let document: Document
        /// The device has it already.
        public let isCurrent: Bool
    }

    /// All checks on a head and its document; changes nothing.
    ///
    /// - Throws: ``FleetError``; ``LinkError`` with code `notEnrolled` when this device is in no fleet.
    public func examine(head: [UInt8], document: [UInt8]) async throws -> Delivery {
        try await core().examine(head: head, document: document)
    }

    /// Commits what ``examine(head:document:)`` let pass. What the device has already changes nothing.
    public func deliver(head: [UInt8], document: [UInt8]) async throws -> Delivery {
        try await core().deliver(head: head, document: document)
    }

    /// How far the device got with a revision; nil while that is not known, or when it has another.
    public func progress(of revision: Revision) async -> Ack? {
        guard let ack = await running.core?.currentAck, ack.revision == revision else { return nil }
        return ack
    }

    /// What the fleet says of the time; nil without a fleet.
    public func trustedTime() async -> TrustedTime? { await running.core?.time }

    private func core() async throws -> LinkCore {
        if let core = running.core { return core }
        guard DeviceIdentity.isPresent(in: dataDirectory) else {
            throw LinkError(.notEnrolled, "this device is in no fleet: wherry join makes it a member")
        }
        throw LinkError(.notEnrolled, "the fleet link is not up yet: try again in a moment; the agent's log says more")
    }
}

extension LinkCore {
    func examine(head: [UInt8], document bytes: [UInt8]) throws(FleetError) -> HubLink.Delivery {
        let verified = try HeadVerifier.verify(
            head, trust: identity.trust, floor: floor, device: identity.device, time: time)
        return HubLink.Delivery(
            revision: verified.head.revision, document: try HeadVerifier.verify(document: bytes, head: verified.head),
            isCurrent: verified.standing == .current && stored?.floor == verified.head.floor)
    }

    func deliver(head bytes: [UInt8], document: [UInt8]) async throws -> HubLink.Delivery {
        let delivery = try examine(head: bytes, document: document)
        guard !delivery.isCurrent else { return delivery }
        let head = try Head(payload: SignedEnvelope(parsing: bytes).payload)
        let revision = StoredRevision(
            head: head, headBytes: bytes, document: delivery.document, documentBytes: document)
        if let failure = await commit(revision) { throw failure }
        return delivery
    }
}

/// The core of the link that runs now.
final class RunningCore: Sendable {
    private let value = Mutex<LinkCore?>(nil)
    var core: LinkCore? { value.withLock { $0 } }
    func set(_ core: LinkCore?) { value.withLock { $0 = core } }
}

extension DeviceIdentity {
    /// A payload in an envelope that the device's own key signs, named by the serial number of its certificate.
    public func sign(payloadType: String, _ payload: [UInt8]) throws(LinkError) -> SignedEnvelope {
        do {
            let key = String(decoding: try Files.read(paths.key, limit: 64 << 10), as: UTF8.self)
            let certificate = String(decoding: try Files.read(paths.certificate, limit: 64 << 10), as: UTF8.self)
            let message = SignedEnvelope.preAuthenticationEncoding(payloadType: payloadType, payload: payload)
            return SignedEnvelope(
                payloadType: payloadType, payload: payload,
                signatures: [
                    .init(
                        keyID: try CertificateFacts.serialNumber(ofPEM: certificate),
                        bytes: try DeviceSignature.sign(message, keyPEM: key))
                ])
        } catch {
            throw LinkError(.malformed, "cannot sign with the key in \(paths.directory)", cause: error)
        }
    }
}
