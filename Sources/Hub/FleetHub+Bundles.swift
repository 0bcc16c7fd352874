public import FleetProtocol
internal import Identity
internal import Linux
internal import ResourceStore
internal import Resources

/// What devices get, and say, in files in place of messages.
extension FleetHub {
    /// What would be sent to a device now.
    public struct Delivery: Sendable {
        public let device: DeviceID
        public let revision: Revision
        public let head: [UInt8]
        public let document: [UInt8]
        /// As the device's Node says it; nil when it never did.
        public let architecture: String?
    }

    /// - Throws: ``HubError`` with code `unknownDevice`.
    public func delivery(to name: String) async throws -> Delivery {
        guard let device = try? DeviceID(name), let record = sessions[device]?.record else {
            throw HubError(
                .unknownDevice,
                "no device \"\(name.prefix(60))\" is in this fleet; wherry get nodes lists those that are")
        }
        guard record.digest != nil else {
            throw HubError(.unknownDevice, "the hub has no document for \(device) yet; try again in a moment")
        }
        let node = try await store.find(ResourceKey(type: .node, namespace: nil, name: device.text))
        return Delivery(
            device: device, revision: record.revision, head: record.head, document: record.document,
            architecture: node?.labels[WherryLabels.architecture])
    }

    /// Takes a receipt in as if the device had said so itself, once its signature was found to be the device's.
    ///
    /// - Returns: What came of it, in words.
    /// - Throws: ``HubError`` with code `receiptRefused` or `unknownDevice`.
    public func take(receipt bytes: [UInt8]) async throws -> String {
        let (receipt, envelope): (BundleReceipt, SignedEnvelope)
        do { (receipt, envelope) = try BundleReceipt.parse(bytes) } catch {
            throw HubError(.receiptRefused, "this is no receipt of a bundle: \(error.message)", cause: error)
        }
        guard let device = try? DeviceID(receipt.device), let record = sessions[device]?.record else {
            throw HubError(.unknownDevice, "the receipt is of \(receipt.device.prefix(60)), which is not in this fleet")
        }
        let message = SignedEnvelope.preAuthenticationEncoding(
            payloadType: envelope.payloadType, payload: envelope.payload)
        let isSigned = try envelope.signatures.contains { signature in
            try signature.keyID == record.serial
                && DeviceSignature.isValid(signature.bytes, for: message, certificatePEM: record.certificate)
        }
        guard isSigned else {
            throw HubError(
                .receiptRefused,
                "the receipt of \(device) is not signed by its key: it was changed, or made before the device joined")
        }
        let date = RFC3339.format(seconds: receipt.time)
        perform(sessions[device]?.handle(receipt: receipt, on: date) ?? [], device)
        let acked = sessions[device]?.record.acked
        guard let revision = receipt.revision else { return "signed by \(device); it names no revision of the hub" }
        return acked == revision
            ? "signed by \(device); the hub counts revision \(revision) as \(sessions[device]?.record.ackedLevel?.rawValue ?? "unknown")"
            : "signed by \(device); revision \(revision) is not the one that the hub has now"
    }
}
