internal import FleetProtocol
internal import JSON
public import OCI

/// What a bundle is: the payload that is signed. Every byte of the file that is not in it follows from it.
public struct BundleManifest: Codable, Sendable, Hashable {
    public static let payloadType = "application/vnd.wherry.bundle+json"
    /// The member that holds it, first in the file.
    public static let path = "bundle.json"

    /// Objects for one device or for any.
    public struct Target: Codable, Sendable, Hashable {
        /// Nil for any device.
        public var device: String?
        /// The member with the head that the hub signed; nil in a bundle without a hub.
        public var head: String?
        /// The member with the document.
        public var document: String
    }

    public struct Image: Codable, Sendable, Hashable {
        public struct Layer: Codable, Sendable, Hashable {
            public var diff: Digest
            public var blob: Digest
            public var size: Int64
        }

        public struct Signature: Codable, Sendable, Hashable {
            public var manifest: Digest
            public var payloads: [Digest]
        }

        /// By which the objects ask for it.
        public var names: [ImageReference]
        public var platform: String
        /// Digests of the documents that the name leads to, outermost first; the last is the manifest.
        public var documents: [Digest]
        public var config: Digest
        /// Bottom first. What of them is not among the files is expected on the device.
        public var layers: [Layer]
        public var signatures: [Signature]
    }

    /// A member of the file, in order.
    public struct File: Codable, Sendable, Hashable {
        public var path: String
        public var digest: Digest
        public var size: Int64
    }

    public var version = 1
    public var name: String
    /// Rises from bundle to bundle of that name.
    public var sequence: Int64
    /// Unix seconds.
    public var issuedAt: Int64
    public var expiresAt: Int64?
    /// Empty for any.
    public var devices: [String]
    public var targets: [Target]
    public var images: [Image]
    public var files: [File]

    enum CodingKeys: String, CodingKey {
        case version = "v"
        case name
        case sequence = "seq"
        case issuedAt = "iat"
        case expiresAt = "exp"
        case devices, targets, images, files
    }

    public init(
        name: String, sequence: Int64, issuedAt: Int64, expiresAt: Int64? = nil, devices: [String] = [],
        targets: [Target] = [], images: [Image] = [], files: [File] = []
    ) {
        self.name = name
        self.sequence = sequence
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.devices = devices
        self.targets = targets
        self.images = images
        self.files = files
    }

    /// Whether it carries what a hub signed for its devices.
    public var isFromHub: Bool { targets.contains { $0.head != nil } }

    /// Blobs that the device must have already, with their sizes.
    public var expected: [Image.Layer] {
        let carried = Set(files.map(\.path))
        return images.flatMap(\.layers).filter { !carried.contains(Self.path(of: $0.blob)) }
    }

    static func path(of blob: Digest) -> String { "blobs/sha256/" + blob.hex }

    public func serialized() throws -> [UInt8] { try JSONValue(encoding: self).serialized() }
}

extension BundleManifest {
    private static let maximumFiles = 8192
    /// Of what is read into memory: documents, manifests, configs, signatures.
    static let documentLimit: Int64 = 8 << 20
    private static let documentsLimit: Int64 = 32 << 20

    /// Reads a payload whose signature was verified, and checks that it makes sense.
    public init(payload: [UInt8]) throws(BundleError) {
        do {
            let limits = JSONLimits(maxDepth: 8, maxBytes: FleetLimits.bundleManifest, allowDuplicateKeys: false)
            self = try JSONValue(parsing: payload, limits: limits).decode()
        } catch {
            throw BundleError(.malformed, "its manifest cannot be read: \(error)", cause: error)
        }
        guard version == 1 else {
            throw BundleError(.malformed, "its format has version \(version), this Wherry knows 1: update Wherry here")
        }
        guard Self.isName(name), sequence >= 0, devices.allSatisfy(DeviceID.isValid) else {
            throw BundleError(.malformed, "its manifest has no usable name, sequence or devices")
        }
        let sizes = try checkFiles()
        try checkUses(sizes)
    }

    /// 1 to 63 of a-z, 0-9, '.' and '-', beginning with a letter or digit.
    public static func isName(_ text: String) -> Bool {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first,
            digits.contains(first) || letters.contains(first)
        else { return false }
        return text.utf8.allSatisfy {
            digits.contains($0) || letters.contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
    }

    private func checkFiles() throws(BundleError) -> [String: Int64] {
        guard files.count <= Self.maximumFiles else {
            throw BundleError(.malformed, "its manifest lists more than \(Self.maximumFiles) files")
        }
        var sizes: [String: Int64] = [:]
        var total: Int64 = 0
        for file in files {
            guard file.size >= 0, file.size < 1 << 48, (1...128).contains(file.path.utf8.count),
                file.path != Self.path, sizes.updateValue(file.size, forKey: file.path) == nil,
                !file.path.hasPrefix("blobs/") || file.path == Self.path(of: file.digest)
            else { throw BundleError(.malformed, "its manifest lists \"\(file.path.prefix(150))\" twice or wrongly") }
            total += file.size
        }
        guard total < 1 << 50 else { throw BundleError(.malformed, "its manifest lists more than a pebibyte") }
        return sizes
    }

    /// What is read into memory is there and small; layers that are carried have the size that their image says.
    private func checkUses(_ sizes: [String: Int64]) throws(BundleError) {
        var total: Int64 = 0
        for path in documentPaths {
            guard let size = sizes[path] else {
                throw BundleError(.malformed, "its manifest needs \(path) and does not list it")
            }
            total += size
            guard size <= Self.documentLimit, total <= Self.documentsLimit else {
                throw BundleError(.malformed, "\(path) or all documents together are too large for a device")
            }
        }
        for layer in images.flatMap(\.layers) {
            guard layer.size >= 0, sizes[Self.path(of: layer.blob)].map({ $0 == layer.size }) ?? true else {
                throw BundleError(.malformed, "layer \(layer.blob.short) has another size than its image says")
            }
        }
        guard images.allSatisfy({ !$0.documents.isEmpty && !$0.names.isEmpty }),
            Set(targets.map(\.device)).count == targets.count
        else { throw BundleError(.malformed, "its manifest has an image without a name, or a device twice") }
    }

    /// Members that are read as a whole.
    var documentPaths: Set<String> {
        var paths = Set(targets.flatMap { [$0.document] + ($0.head.map { [$0] } ?? []) })
        for image in images {
            let digests = image.documents + [image.config] + image.signatures.flatMap { [$0.manifest] + $0.payloads }
            paths.formUnion(digests.map(Self.path(of:)))
        }
        return paths
    }
}
