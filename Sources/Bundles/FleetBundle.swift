public import FleetProtocol
public import Images
internal import JSON
public import OCI

/// A bundle of what a hub has for its devices, with the images in its registry that they ask for.
public struct FleetBundle: Sendable {
    private let content: PullThroughCache
    private let addresses: Set<String>
    private var composer: BundleComposer
    private var carried: Set<Key> = []

    private struct Key: Hashable {
        let name: ImageReference
        let platform: Platform
    }

    /// - Parameters:
    ///   - addresses: `host:port` of the hub as devices write it in the names of its images.
    ///   - base: Diff IDs of layers that the devices have.
    public init(
        content: PullThroughCache, addresses: Set<String>, issuedAt: Int64, expiresAt: Int64?, base: [OCI.Digest]
    ) throws(BundleError) {
        self.content = content
        self.addresses = addresses
        composer = try BundleComposer(name: "fleet", sequence: issuedAt, issuedAt: issuedAt, expiresAt: expiresAt)
        composer.addBase(base)
    }

    /// Adds what one device gets: the signed head, the document, the images.
    public mutating func add(
        device: DeviceID, head: [UInt8], document: [UInt8], platform: Platform
    ) async throws(BundleError) {
        do {
            try composer.add(device: device, head: head, document: document)
            for name in try ImagePins.names(in: Document(parsing: document)) {
                guard carried.insert(Key(name: name, platform: platform)).inserted else { continue }
                try await add(name, platform)
            }
        } catch {
            throw BundleError(wrapping: error).during("device \(device)")
        }
    }

    private mutating func add(_ name: ImageReference, _ platform: Platform) async throws {
        // Copies of an upstream lie below a prefix with the upstream's name.
        let isOwn = addresses.contains(name.registry)
        let repository = try RepositoryName(parsing: isOwn ? name.repository : name.name)
        let locator = name.digest.map { ManifestLocator.digest($0) } ?? .tag(name.tag ?? "latest")
        let image = try await Self.explained(name) {
            try await content.carriedImage(locator, in: repository, named: name, platform: platform)
        }
        var sources: [OCI.Digest: BlobContent] = [:]
        for layer in image.layers { sources[layer.blob] = try await content.blob(layer.blob, in: repository) }
        try composer.add(image) { layer in
            sources[layer.blob].map { source in
                .remote { offset, count in try await source.bytes(at: offset, atMost: count) }
            }
        }
    }

    private static func explained(
        _ name: ImageReference, _ find: () async throws -> CarriedImage
    ) async throws -> CarriedImage {
        do { return try await find() } catch let error as ImageError where error.code == .unknownManifest {
            throw BundleError(
                .input,
                "image \(name.familiar) is not in the hub's registry; push it there and name it so in the workload, or let the "
                    + "hub keep copies of \(name.registry) with --registry-mirror \(name.registry)=https://…",
                cause: error)
        }
    }

    public func finish() throws(BundleError) -> BundleWriter { try composer.finish() }
}
