public import FleetProtocol
public import Images
public import JSON
public import OCI
internal import Resources

/// Puts a bundle together: images, objects, and what of the layers a device has already.
public struct BundleComposer: Sendable {
    private var manifest: BundleManifest
    private var parts: [String: BundlePart] = [:]
    private var images: [CarriedImage] = []
    private var base: Set<OCI.Digest> = []

    /// - Throws: ``BundleError`` with code `input` for a name, sequence or device that cannot be.
    public init(
        name: String, sequence: Int64, issuedAt: Int64, expiresAt: Int64? = nil, devices: [String] = []
    ) throws(BundleError) {
        guard BundleManifest.isName(name) else {
            throw BundleError(
                .input, "\"\(name.prefix(80))\" cannot be a bundle's name: use 1 to 63 of a-z, 0-9, '.' and '-'")
        }
        guard sequence >= 0 else { throw BundleError(.input, "the sequence \(sequence) is negative") }
        for device in devices where !DeviceID.isValid(device) {
            throw BundleError(.input, "\"\(device.prefix(60))\" is not a device name: use 1 to 40 of a-z, 0-9 and '-'")
        }
        manifest = BundleManifest(
            name: name, sequence: sequence, issuedAt: issuedAt, expiresAt: expiresAt, devices: devices)
    }

    /// Layers that devices have: what has one of these diff IDs is left out.
    public mutating func addBase(_ diffIDs: some Sequence<OCI.Digest>) { base.formUnion(diffIDs) }

    /// - Parameter blob: Where the bytes of a layer are; nil when they are nowhere.
    public mutating func add(
        _ image: CarriedImage, blob: (CarriedImage.Layer) throws -> BundlePart.Source?
    ) throws(BundleError) {
        do {
            let names = image.names.map(\.familiar).joined(separator: ", ")
            for layer in image.layers where !base.contains(layer.diffID) {
                guard let source = try blob(layer) else {
                    throw BundleError(.input, "image \(names): layer \(layer.blob.short) is not where the image is")
                }
                add(BundleManifest.path(of: layer.blob), layer.blob, layer.size, source)
            }
            let signatures = image.signatures.map { signature in
                BundleManifest.Image.Signature(
                    manifest: addBlob(signature.manifest), payloads: signature.payloads.map { addBlob($0) })
            }
            manifest.images.append(
                BundleManifest.Image(
                    names: image.names, platform: image.platform.description,
                    documents: image.documents.map { addBlob($0) }, config: addBlob(image.config),
                    layers: image.layers.map { .init(diff: $0.diffID, blob: $0.blob, size: $0.size) },
                    signatures: signatures))
            images.append(image)
        } catch {
            throw BundleError(wrapping: error)
        }
    }

    /// Objects for whoever installs it. Their images must have been added; each is pinned to the digest that is carried.
    ///
    /// - Parameter namespace: Of objects that name none.
    public mutating func setObjects(_ objects: [JSONValue], namespace: String = "default") throws(BundleError) {
        // Custom objects come with their definitions.
        let definition = ResourceType.customResourceDefinition
        let types = TypeCatalog(objects.filter { $0["kind"] == .string(definition.kind) }, all: true)
        var pins: [ImageReference: ImageReference] = [:]
        for image in images {
            for name in image.names {
                do {
                    pins[name] = try ImageReference(
                        registry: name.registry, repository: name.repository, tag: name.tag,
                        digest: image.manifestDigest)
                    pins[name.pinned(to: image.manifestDigest)] = pins[name]
                } catch {
                    throw BundleError(.input, "\(error)", cause: error)
                }
            }
        }
        let images = ImagePins(pins)
        let document = Document(
            objects: try objects.map { object throws(BundleError) in
                try images.pin(try Self.checked(object, namespace: namespace, types))
            })
        let path = "objects.json"
        let bytes = document.serialized()
        do { _ = try Document(parsing: bytes) } catch { throw BundleError(.input, error.message, cause: error) }
        try addDocument(bytes, path)
        manifest.targets.append(BundleManifest.Target(device: nil, head: nil, document: path))
    }

    /// An object as a device will take it, without what only servers write.
    ///
    /// - Parameter types: those that devices will know.
    private static func checked(
        _ object: JSONValue, namespace: String, _ types: TypeCatalog
    ) throws(BundleError) -> JSONValue {
        guard let reference = FleetProtocol.ObjectReference(of: object) else {
            throw BundleError(.input, "an object needs apiVersion, kind and metadata.name")
        }
        guard let type = types.served(apiVersion: reference.apiVersion, kind: reference.kind) else {
            throw BundleError(.input, "\(reference): devices know no kind \(reference.kind) of \(reference.apiVersion)")
        }
        var value = object
        value["status"] = nil
        for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"] {
            value["metadata"]?[field] = nil
        }
        if type.namespaced, reference.namespace == nil { value["metadata"]?["namespace"] = .string(namespace) }
        do {
            _ = try Admission.create(
                value, in: ServedForm.of(type), namespace: value["metadata"]?["namespace"]?.stringValue)
        } catch {
            throw BundleError(.invalid, "\(reference): \(error.message)", cause: error)
        }
        return value
    }

    /// What the hub has for one of its devices.
    public mutating func add(device: DeviceID, head: [UInt8], document: [UInt8]) throws(BundleError) {
        let (headPath, documentPath) = ("devices/\(device).head.json", "devices/\(device).json")
        add(headPath, BundleReader.digest(of: head), Int64(head.count), .bytes(head))
        try addDocument(document, documentPath)
        manifest.targets.append(
            BundleManifest.Target(device: device.text, head: headPath, document: documentPath))
        manifest.devices.append(device.text)
    }

    private mutating func addDocument(_ bytes: [UInt8], _ path: String) throws(BundleError) {
        guard bytes.count <= FleetLimits.document else {
            throw BundleError(
                .input, "the objects take \(bytes.count) bytes, more than \(FleetLimits.document): make several bundles"
            )
        }
        add(path, BundleReader.digest(of: bytes), Int64(bytes.count), .bytes(bytes))
    }

    /// The bundle, ready to be signed. It is an OCI image layout, too.
    public func finish() throws(BundleError) -> BundleWriter {
        var composer = self
        do {
            composer.addLayout("oci-layout", ["imageLayoutVersion": "1.0.0"])
            composer.addLayout("index.json", try JSONValue(encoding: index()))
            // Documents first: whoever only looks needs not read the layers.
            let files = composer.parts.values.sorted { a, b in
                let (blobA, blobB) = (a.isLayer(in: manifest), b.isLayer(in: manifest))
                return blobA == blobB ? a.file.path < b.file.path : !blobA
            }
            composer.manifest.files = files.map(\.file)
            let payload = try composer.manifest.serialized()
            // What would be refused by a reader is not written.
            _ = try BundleManifest(payload: payload)
            return BundleWriter(manifest: composer.manifest, parts: files)
        } catch {
            throw BundleError(wrapping: error).during("the bundle cannot be made")
        }
    }

    private func index() -> ImageIndex {
        ImageIndex(
            manifests: images.flatMap { image in
                image.names.map { name in
                    var entry = Descriptor(
                        mediaType: image.manifestType, digest: image.manifestDigest,
                        size: Int64(image.documents.last?.count ?? 0))
                    entry.annotations = [
                        "io.containerd.image.name": name.description,
                        "org.opencontainers.image.ref.name": name.tag ?? name.locator,
                    ]
                    return entry
                }
            })
    }

    private mutating func addLayout(_ path: String, _ value: JSONValue) {
        let bytes = value.serialized()
        add(path, BundleReader.digest(of: bytes), Int64(bytes.count), .bytes(bytes))
    }

    private mutating func addBlob(_ bytes: [UInt8]) -> OCI.Digest {
        let digest = BundleReader.digest(of: bytes)
        add(BundleManifest.path(of: digest), digest, Int64(bytes.count), .bytes(bytes))
        return digest
    }

    private mutating func add(_ path: String, _ digest: OCI.Digest, _ size: Int64, _ source: BundlePart.Source) {
        parts[path] = BundlePart(file: .init(path: path, digest: digest, size: size), source: source)
    }
}

extension BundlePart {
    fileprivate func isLayer(in manifest: BundleManifest) -> Bool {
        manifest.images.contains { $0.layers.contains { BundleManifest.path(of: $0.blob) == file.path } }
    }
}
