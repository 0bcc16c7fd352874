/// The device's checks on a signed head and its document, in the order of B3. Pure: it changes nothing.
public enum HeadVerifier {
    /// A head that passed checks 1 to 8.
    public struct Verified: Hashable, Sendable {
        public let head: Head
        /// `.newer` is to be fetched and committed; `.current` is only to be acknowledged again.
        public let standing: RevisionFloor.Standing
    }

    /// Checks 1 to 8; the first that fails throws with its own code.
    ///
    /// - Parameters:
    ///   - trust: The root got at enrolment.
    ///   - floor: What was committed last, nil on a new device.
    ///   - time: A lower bound of the real time. A head that has expired by it is refused; what runs goes on running.
    public static func verify(
        _ bytes: [UInt8], trust: TrustedRoot, floor: RevisionFloor?, device: DeviceID, time: TrustedTime
    ) throws(FleetError) -> Verified {
        guard bytes.count <= FleetLimits.head else {
            throw FleetError(.oversized, "head of \(bytes.count) bytes is larger than \(FleetLimits.head)")
        }
        let envelope = try SignedEnvelope(parsing: bytes)
        guard envelope.payloadType == Head.payloadType else {
            throw FleetError(.payloadType, "payload type \"\(envelope.payloadType.prefix(100))\" is not a head")
        }
        try trust.verify(envelope)
        let head = try Head(payload: envelope.payload)
        guard head.device == device else {
            throw FleetError(.wrongDevice, "head is for device \(head.device), this is \(device)")
        }
        guard head.rootVersion == trust.version else {
            throw FleetError(.rootUnknown, "head needs root \(head.rootVersion), this device has \(trust.version)")
        }
        let standing = try checkFloor(head, floor)
        if let expiry = head.expiresAt, expiry < time.seconds {
            throw FleetError(.expired, "head \(head.revision) expired at \(expiry), it is at least \(time.seconds)")
        }
        return Verified(head: head, standing: standing)
    }

    private static func checkFloor(_ head: Head, _ floor: RevisionFloor?) throws(FleetError) -> RevisionFloor.Standing {
        let standing = RevisionFloor.standing(of: head.revision, digest: head.digest, over: floor)
        let have = floor.map { "\($0.revision)" } ?? "nothing"
        switch standing {
        case .newer, .current: return standing
        case .older: throw FleetError(.olderRevision, "head \(head.revision) is older than \(have)")
        case .equivocation:
            throw FleetError(
                .equivocation, "head \(head.revision) comes with two digests: the hub's key signs two truths")
        }
    }

    /// Check 10: the document is the one that the head signs. Step 13, the commit, may follow only this.
    public static func verify(document bytes: [UInt8], head: Head) throws(FleetError) -> Document {
        guard bytes.count == head.length else {
            throw FleetError(
                .lengthMismatch, "document has \(bytes.count) bytes, head \(head.revision) signs \(head.length)")
        }
        let digest = ContentDigest(of: bytes)
        guard digest == head.digest else {
            throw FleetError(.digestMismatch, "document is \(digest), head \(head.revision) signs \(head.digest)")
        }
        return try Document(parsing: bytes)
    }
}
