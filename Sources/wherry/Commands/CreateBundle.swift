import ArgumentParser
import AsyncHTTPClient
import Bundles
import Images
import JSON
import Linux
import NIOCore
import NIOHTTP1
import OCI
import Resources

/// `wherry bundle create`
struct CreateBundle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a bundle, signed by a key of yours or by the hub.",
        discussion: """
            With --key: images of archives (--archive) or of the agent at --run-dir (--image), and objects (-f); each image \
            in the objects is pinned to what the bundle carries. Without --key the hub at --run-dir makes it: what it has \
            for each --device, with the images in its registry that this asks for.
            """)

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: NamespaceOptions
    @Option(name: .shortAndLong, help: "The file to write.")
    var output: String
    @Option(help: "An Ed25519 private key in PEM.")
    var key: String?
    @Option(help: "The name under which bundles replace one another.")
    var name: String?
    @Option(help: "Rises from bundle to bundle; seconds since 1970 without this.")
    var sequence: Int64?
    @Option(help: "Only for this device; can be repeated.")
    var device: [String] = []
    @Option(help: "A date (2027-01-31) or time (RFC 3339) after which devices refuse it.")
    var expires: String?
    @Option(name: .shortAndLong, help: "Objects in YAML or JSON, or - for standard input; can be repeated.")
    var filename: [String] = []
    @Option(help: "An image of the agent at --run-dir; can be repeated.")
    var image: [String] = []
    @Option(help: "All images of an archive: an OCI layout or the output of docker save; can be repeated.")
    var archive: [String] = []
    @Option(help: "Which image of a list, such as linux/arm64; this machine's without this, and the device's at a hub.")
    var platform: String?
    @Option(help: "A bundle, or an image of the agent, that devices have: its layers are left out. Can be repeated.")
    var base: [String] = []

    func validate() throws {
        guard key != nil else {
            guard !device.isEmpty else { throw ValidationError("give --key, or --device for a bundle of the hub") }
            guard filename.isEmpty, image.isEmpty, archive.isEmpty, name == nil, sequence == nil else {
                throw ValidationError(
                    "-f, --image, --archive, --name and --sequence need --key: the hub carries what it has for the device"
                )
            }
            return
        }
        guard name != nil else { throw ValidationError("give the bundle a --name") }
    }

    func run() async throws {
        if let key { try await compose(key: key) } else { try await askHub() }
        print(output)
    }

    // MARK: With a key

    private func compose(key: String) async throws {
        let signer = try SigningKeyFile.signer(path: key)
        let now = WallClock.now().seconds
        var composer = try BundleComposer(
            name: name ?? "", sequence: sequence ?? now, issuedAt: now, expiresAt: try expiry(), devices: device)
        let objects = try Manifest.objects(in: filename, namespace: scope.namespace).map(\.value)
        composer.addBase(try await baseLayers())
        let scratch = "\(output).work.\(getpid())"
        defer { try? Files.removeTree(scratch) }
        try Files.makeDirectories(scratch, mode: 0o700)
        for (index, path) in try await archives(in: scratch).enumerated() {
            try add(path, "\(scratch)/\(index)", to: &composer)
        }
        try composer.setObjects(objects, namespace: scope.namespace)
        let writer = try composer.finish()
        try await AtomicOutput.write(output) { sink in try await writer.write(signedBy: signer, to: sink) }
    }

    private func archives(in scratch: String) async throws -> [String] {
        guard !image.isEmpty else { return archive }
        let path = "\(scratch)/images.tar"
        try await LocalClient(client).download("/images/get", query: image.map { ("names", $0) }, to: path)
        return archive + [path]
    }

    private func add(_ path: String, _ directory: String, to composer: inout BundleComposer) throws {
        let platform = try platform.map { try Platform(parsing: $0) } ?? .current
        let opened = try OpenedArchive(path: path, into: directory, platform: platform)
        for image in opened.images {
            guard !image.names.isEmpty else {
                throw CommandError(
                    "\(path): image \(image.manifestDigest.short) has no name by which objects could ask for it; tag it, or give "
                        + "the archive a name (skopeo copy … oci-archive:FILE:NAME:TAG)")
            }
            guard platform.rank(of: image.platform) != nil else {
                throw CommandError(
                    "\(path): image \(image.names[0].familiar) is for \(image.platform), not \(platform); give --platform"
                )
            }
            try composer.add(image) { layer in
                try opened.file(of: layer.blob).map { file in
                    .slice(FileSlice(try OpenedFile(path: file), offset: 0, size: layer.size))
                }
            }
        }
    }

    private func expiry() throws -> Int64? {
        guard let expires else { return nil }
        guard let time = RFC3339.parse(expires) ?? RFC3339.parse(expires + "T23:59:59Z") else {
            throw CommandError(
                "--expires \(expires) is neither a date like 2027-01-31 nor a time like 2027-01-31T12:00:00Z")
        }
        return time.seconds
    }

    /// The diff IDs of what devices have.
    private func baseLayers() async throws -> [Digest] {
        var layers: [Digest] = []
        for base in base {
            if Files.exists(base) {
                guard let manifest = try BundleReader.unverifiedManifest(of: base) else {
                    throw CommandError("--base \(base) is not a bundle")
                }
                layers += manifest.images.flatMap(\.layers).map(\.diff)
            } else {
                let answer = try await LocalClient(client).json(.GET, "/images/\(base)/json")
                layers += try (answer[path: "RootFS", "Layers"]?.arrayValue ?? []).compactMap(\.stringValue).map {
                    try Digest(parsing: $0)
                }
            }
        }
        return layers
    }

    // MARK: By the hub

    private func askHub() async throws {
        var order: JSONValue = [
            "devices": .array(device.map { .string($0) }),
            "base": .array(try await baseLayers().map { .string($0.description) }),
        ]
        if let expires = try expiry() { order["expires"] = .integer(expires) }
        if let platform { order["platform"] = .string(try Platform(parsing: platform).description) }
        let response = try await LocalClient(client).send(
            .POST, "/wherry/v1/bundles", headers: [("Content-Type", "application/json")],
            body: .bytes(ByteBuffer(bytes: order.serialized())))
        guard response.status == .ok else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            throw CommandError(LocalClient.message(in: bytes) ?? "the hub answered \(response.status)")
        }
        try await AtomicOutput.write(output) { sink in
            do {
                for try await chunk in response.body { try await sink(Array(buffer: chunk)) }
            } catch let error as CommandError {
                throw error
            } catch {
                throw CommandError("the hub broke off (\(error)); its log says why")
            }
        }
    }
}

/// A file that appears once it is whole and on the disk.
enum AtomicOutput {
    static func write(_ path: String, _ produce: (@escaping ByteSink) async throws -> Void) async throws {
        let partial = path + ".part"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw CommandError("cannot write \(path): \(Errno.last)") }
        defer { close(descriptor) }
        do {
            try await produce { bytes in
                do throws(SystemError) { try Files.writeAll(descriptor, bytes) } catch {
                    throw CommandError("cannot write \(path): \(error.errno)")
                }
            }
            guard fsync(descriptor) == 0, rename(partial, path) == 0 else {
                throw CommandError("cannot write \(path): \(Errno.last)")
            }
            try Files.syncDirectory(Files.directory(of: path))
        } catch {
            unlink(partial)
            throw error
        }
    }
}
