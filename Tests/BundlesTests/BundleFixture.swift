import FleetProtocol
import Images
import JSON
import Linux
import OCI

@testable import Bundles

/// A directory that goes with its owner.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/wherry-bundles.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw SystemError(call: "mkdtemp", errno: .last, subject: nil) }
        path = String(cString: made)
    }

    deinit { try? Files.removeTree(path) }
}

/// Bundles small enough to be broken at every byte.
struct BundleFixture {
    let signer = HeadSigner()
    var trust: BundleTrust { BundleTrust(keys: [signer.publicKey], hub: nil, source: "the test") }

    static let layer = Array("not unpacked by these tests".utf8)
    static let configMap: JSONValue = [
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "settings"], "data": ["level": "high"],
    ]

    static func image(name: String = "app:1", layers: [[UInt8]] = [layer]) throws -> CarriedImage {
        let diffs = layers.map { JSONValue.string(BundleReader.digest(of: [0] + $0).description) }
        let config = JSONValue.object([
            "architecture": .string(Platform.current.architecture), "os": "linux", "config": [:],
            "rootfs": ["type": "layers", "diff_ids": .array(diffs)],
        ]).serialized()
        func descriptor(_ type: String, _ bytes: [UInt8]) -> JSONValue {
            [
                "mediaType": .string(type), "digest": .string(BundleReader.digest(of: bytes).description),
                "size": .integer(Int64(bytes.count)),
            ]
        }
        let manifest = JSONValue.object([
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": .array(layers.map { descriptor("application/vnd.oci.image.layer.v1.tar", $0) }),
        ]).serialized()
        return try CarriedImage(names: [ImageReference(parsing: name)], documents: [manifest], config: config)
    }

    static func composer(_ images: [CarriedImage] = [], layers: [[UInt8]] = [layer]) throws -> BundleComposer {
        var composer = try BundleComposer(name: "app", sequence: 7, issuedAt: 1_800_000_000)
        for image in images { try add(image, layers, to: &composer) }
        return composer
    }

    static func add(_ image: CarriedImage, _ layers: [[UInt8]], to composer: inout BundleComposer) throws {
        try composer.add(image) { layer in
            layers.first { BundleReader.digest(of: $0) == layer.blob }.map { .bytes($0) }
        }
    }

    /// A whole bundle: an image, a ConfigMap.
    func bytes() async throws -> [UInt8] {
        var composer = try Self.composer([try Self.image()])
        try composer.setObjects([Self.configMap])
        return try await bytes(composer)
    }

    func bytes(_ composer: BundleComposer) async throws -> [UInt8] {
        let collected = Collected()
        try await composer.finish().write(signedBy: signer) { await collected.add($0) }
        return await collected.bytes
    }

    private actor Collected {
        var bytes: [UInt8] = []
        func add(_ more: [UInt8]) { bytes += more }
    }

    /// Opens and checks bytes as a file.
    func check(_ bytes: [UInt8], in scratch: Scratch, trust: BundleTrust? = nil) throws -> BundleReader {
        let path = scratch.path + "/a.bundle"
        // Written in place and not synced: there are thousands.
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        try file.writeAll(bytes)
        let reader = try BundleReader(path: path, trust: trust ?? self.trust)
        _ = try reader.check()
        return reader
    }

    /// The code by which it is refused; nil when it is taken.
    func refusal(of bytes: [UInt8], in scratch: Scratch, trust: BundleTrust? = nil) throws -> BundleError.Code? {
        do {
            _ = try check(bytes, in: scratch, trust: trust)
            return nil
        } catch let error as BundleError {
            return error.code
        }
    }
}
