internal import DeviceLink
internal import FleetProtocol
internal import Images
internal import Linux
internal import OCI
internal import ResourceStore
internal import Resources

/// Everything that is asked before anything is changed.
extension BundleInstaller {
    /// A bundle that may be installed.
    struct Prepared: Sendable {
        let manifest: BundleManifest
        let digest: String
        let images: [CarriedImage]
        let document: Document
        let documentBytes: [UInt8]
        /// Of a bundle without a hub.
        let standing: BundleRevision.Standing
        /// What the hub signed for this device.
        let delivery: SignedDelivery?
    }

    struct SignedDelivery: Sendable {
        let head: [UInt8]
        let document: [UInt8]
        let parsed: Document
        let revision: Revision
    }

    /// - Throws: ``BundleError`` of whatever speaks against it first; nothing is changed then.
    func preflight(_ reader: BundleReader, _ job: Job) async throws -> Prepared {
        let manifest = reader.manifest
        let target = try target(of: manifest)
        if let expiry = manifest.expiresAt {
            let now = await now()
            guard now.seconds <= expiry else {
                throw BundleError(
                    .expired,
                    "it expired at \(RFC3339.format(seconds: expiry)), and it is at least "
                        + "\(RFC3339.format(seconds: now.seconds)); make a new one")
            }
        }
        var standing = BundleRevision.Standing.newer
        if !reader.isSignedByHub {
            let installed = try await store.withDatabase { try BundleRevision.find(manifest.name, $0) }
            standing = try Self.standing(manifest, reader.digest.description, over: installed)
        }
        job.tell("Checking every byte of \(job.path)")
        let content = try await thread.check(reader) { done, total in
            // In steps of a twentieth.
            guard done * 20 / total != max(done - 256 << 10, 0) * 20 / total else { return }
            job.tell("Checking every byte of \(job.path): \(done * 100 / total) %")
        }
        let images = try content.images(pinned: !reader.isSignedByHub)
        let bytes = try content.document(target.document)
        let document: Document
        var delivery: SignedDelivery?
        if let head = target.head {
            let headBytes = try content.document(head)
            let examined = try await link.examine(head: headBytes, document: bytes)
            document = examined.document
            delivery = SignedDelivery(
                head: headBytes, document: bytes, parsed: document, revision: examined.revision)
        } else {
            document = try Document(parsing: bytes)
            try await rehearse(document, of: manifest.name)
        }
        return Prepared(
            manifest: manifest, digest: reader.digest.description, images: images, document: document,
            documentBytes: bytes, standing: standing, delivery: delivery)
    }

    private func target(of manifest: BundleManifest) throws -> BundleManifest.Target {
        let device = try deviceName()
        guard manifest.devices.isEmpty || manifest.devices.contains(device),
            let target = manifest.targets.first(where: { $0.device == device || $0.device == nil })
        else {
            throw BundleError(
                .wrongDevice,
                "it is for \(manifest.devices.prefix(20).joined(separator: ", ")), and this device is \(device)")
        }
        return target
    }

    static func standing(
        _ manifest: BundleManifest, _ digest: String, over installed: BundleRevision?
    ) throws(BundleError) -> BundleRevision.Standing {
        let standing = BundleRevision.standing(sequence: manifest.sequence, digest: digest, over: installed)
        switch standing {
        case .newer, .current: return standing
        case .older:
            throw BundleError(
                .olderRevision,
                "its sequence \(manifest.sequence) is older than \(installed?.floor?.sequence ?? 0), which was installed here; "
                    + "make a bundle of the old content with a higher sequence to go back")
        case .equivocation:
            throw BundleError(
                .equivocation,
                "sequence \(manifest.sequence) of it was installed with other content; give each bundle a higher sequence"
            )
        }
    }

    /// Whether the device takes every object; the transaction is thrown away.
    private func rehearse(_ document: Document, of name: String) async throws {
        let nodeName = nodeName
        let outcome = try await store.transaction(dryRun: true) {
            try DocumentApplier.apply(document, from: .bundle(name), nodeName: nodeName, in: $0)
        }
        try Self.demand(outcome)
    }

    static func demand(_ outcome: DocumentApplier.Outcome) throws(BundleError) {
        guard let failure = outcome.failures.first else { return }
        let others = outcome.failures.count - 1
        let subject = failure.message.contains(failure.key.description) ? "" : "\(failure.key): "
        throw BundleError(
            failure.code == "conflict" ? .conflict : .invalid,
            subject + failure.message + (others > 0 ? " (and \(others) more objects)" : "")
                + "; nothing was changed")
    }
}
