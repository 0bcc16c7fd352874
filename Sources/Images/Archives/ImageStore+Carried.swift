internal import Logging
public import OCI

/// Images that come in a file which was checked from its first to its last byte.
extension ImageStore {
    /// What a preflight found and holds: nothing of it is collected until ``endReservation(_:)``.
    public struct Reservation: Sendable {
        let lease: Int
        /// Layers that are to be unpacked from what is carried.
        public let missingLayers: Int
    }

    /// Whether these images could be added: policy, platform, the layers that are expected here, room on the disk. Adds
    /// nothing.
    ///
    /// - Parameter carried: The blobs of layers that come with them.
    /// - Throws: ``ImageError``: `noMatchingPlatform`, a code of the policy, `notFound` for a layer that is neither carried
    ///   nor here, `diskFull`.
    public func reserve(_ images: [CarriedImage], carried: Set<Digest>) async throws(ImageError) -> Reservation {
        let lease = lease([])
        do {
            var missing: [Digest: Descriptor] = [:]
            for image in images {
                do { try examine(image, carried: carried, lease: lease, missing: &missing) } catch {
                    throw ImageError(wrapping: error).during("image \"\(Self.title(image))\"")
                }
            }
            try await ensureRoom(for: missing.sorted { $0.key < $1.key }.map(\.value))
            return Reservation(lease: lease, missingLayers: missing.count)
        } catch {
            endLease(lease)
            throw ImageError(wrapping: error)
        }
    }

    public func endReservation(_ reservation: Reservation) { endLease(reservation.lease) }

    private static func title(_ image: CarriedImage) -> String {
        image.names.first?.familiar ?? image.manifestDigest.short
    }

    private func examine(
        _ image: CarriedImage, carried: Set<Digest>, lease: Int, missing: inout [Digest: Descriptor]
    ) throws {
        guard Platform.current.rank(of: image.platform) != nil else {
            throw ImageError(.noMatchingPlatform, "it is for \(image.platform), and this device is \(Platform.current)")
        }
        for name in image.names { _ = try admit(name, evidence: image.evidence()) }
        let plan = try Plan(image)
        extend(lease, plan.digests + image.documents.map(ContentHasher.digest(of:)))
        for (layer, descriptor) in zip(plan.layers, image.manifest.layers) {
            if try hasLayer(layer.chainID) { continue }
            if carried.contains(layer.blob) {
                missing[layer.chainID] = descriptor
            } else if let twin = try twin(of: layer) {
                extend(lease, [twin.chainID])
            } else if !files.has(layer.blob, size: descriptor.size) {
                throw ImageError(
                    .notFound,
                    "layer \(layer.blob.short) is not carried and not on this device: install the image that was the base "
                        + "first, or make the bundle without --base")
            }
        }
    }

    /// Unpacks what is missing of images; when all is there, each gets its names.
    ///
    /// - Parameters:
    ///   - slice: Where the blob of a layer stands; its digest was checked.
    ///   - beginning: Told the name of each image when its turn comes.
    public func add(
        _ images: [CarriedImage], from slice: @Sendable (Digest) -> FileSlice?,
        beginning: @Sendable (String) -> Void = { _ in }
    ) async throws(ImageError) {
        let lease = lease([])
        defer { endLease(lease) }
        var plans: [(image: CarriedImage, plan: Plan)] = []
        for image in images {
            beginning(Self.title(image))
            do {
                let plan = try Plan(image)
                extend(lease, plan.digests + image.documents.map(ContentHasher.digest(of:)))
                plans.append((image, plan))
                try await unpack(plan, image, from: slice)
            } catch {
                keepUnfinished(plans.flatMap { $0.plan.layers.map(\.chainID) })
                throw ImageError(wrapping: error).during("cannot add image \"\(Self.title(image))\"")
            }
        }
        for (image, plan) in plans {
            do { try record(image, plan) } catch {
                throw ImageError(wrapping: error).during("cannot add image \"\(Self.title(image))\"")
            }
        }
        await settle()
    }

    private func unpack(
        _ plan: Plan, _ image: CarriedImage, from slice: @Sendable (Digest) -> FileSlice?
    ) async throws {
        for document in image.documents + [image.config] { _ = try files.put(document) }
        for index in plan.layers.indices {
            let layer = plan.layers[index]
            if try hasLayer(layer.chainID) { continue }
            if let slice = slice(layer.blob), !files.has(layer.blob) {
                try await unpackLayer(index, of: plan, from: slice)
            } else {
                try await unpackLayer(index, of: plan)
            }
        }
    }

    private func record(_ image: CarriedImage, _ plan: Plan) throws {
        let admissions = try image.names.map { try admit($0, evidence: image.evidence()) }
        try database.save(
            id: plan.configDigest, manifest: image.manifestDigest, layers: plan.layers, names: image.names,
            origins: image.names.filter { $0.digest != nil }.map(\.description))
        for admission in admissions { try record(admission, image: plan.configDigest) }
        logger.info(
            "image added", metadata: ["image": "\(Self.title(image))", "id": "\(plan.configDigest.short)"])
    }
}

extension ImageStore.Plan {
    init(_ image: CarriedImage) throws {
        try self.init(manifest: image.manifest, config: ImageConfig(parsing: image.config))
    }
}
