internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import NIOCore
internal import OCI

extension DockerRoutes {
    /// `docker pull` and `docker import`.
    func createImage(_ request: Request, _ query: Query) async throws -> Response {
        if let name = query["fromImage"], !name.isEmpty { return try pullImage(request, name, query) }
        guard query["fromSrc"] == "-" else {
            throw DockerFailure(.badRequest, "give fromImage, or fromSrc=- with a tar as the body")
        }
        let reference = try Self.reference(query["repo"], tag: query["tag"])
        var changes = try ImportChanges(dockerfile: query.all("changes"))
        changes.message = query["message"].flatMap { $0.isEmpty ? nil : $0 }
        let file = try await images.receive(request.body)
        do {
            let image = try await images.importRoot(path: file, reference: reference, changes: changes)
            await images.discard(file)
            return Self.lines([["status": .string(image.id.description)]])
        } catch {
            await images.discard(file)
            throw error
        }
    }

    /// `docker load`.
    func loadImages(_ request: Request) async throws -> Response {
        let length = request.headers[.contentLength].flatMap { Int64($0) }
        let loaded = try await images.load(streaming: request.body, length: length)
        return Self.lines(
            loaded.flatMap { item in
                let names = item.names.map { "Loaded image: \($0.familiar)\n" }
                return names.isEmpty ? ["Loaded image ID: \(item.image.id)\n"] : names
            }.map { ["stream": .string($0)] })
    }

    // MARK: Pull

    private func pullImage(_ request: Request, _ name: String, _ query: Query) throws -> Response {
        let reference = try Self.reference(name, tag: query["tag"])
        let platform = try query["platform"].flatMap { $0.isEmpty ? nil : $0 }.map { try Platform(parsing: $0) }
        let credentials = try RegistryCredentials(header: request.headers[Self.authHeader])
        let ignoreBudget = ["1", "true"].contains(query["ignoreBudget"] ?? "")
        let store = images
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .stream(for: request) { writer in
                let (progress, continuation) = AsyncStream.makeStream(
                    of: PullProgress.self, bufferingPolicy: .bufferingNewest(256))
                async let pulled: Image = Self.pull(
                    store, reference, platform ?? .current, credentials, ignoreBudget: ignoreBudget,
                    reportingTo: continuation)
                try await writer.write(
                    Self.line([
                        "status": .string("Pulling from \(reference.repository)"), "id": .string(reference.locator),
                    ]))
                var isNew = false
                for await step in progress {
                    if step.phase == .unpacking { isNew = true }
                    if let line = Self.line(step) { try await writer.write(line) }
                }
                do {
                    let image = try await pulled
                    for line in Self.closing(reference, image, isNew: isNew) { try await writer.write(line) }
                } catch let error as ImageError {
                    let message = JSONValue.string(error.message)
                    try await writer.write(Self.line(["errorDetail": ["message": message], "error": message]))
                }
            })
    }

    static let authHeader = HTTPField.Name("X-Registry-Auth") ?? .authorization

    private static func pull(
        _ store: ImageStore, _ reference: ImageReference, _ platform: Platform, _ credentials: RegistryCredentials?,
        ignoreBudget: Bool, reportingTo continuation: AsyncStream<PullProgress>.Continuation
    ) async throws -> Image {
        defer { continuation.finish() }
        return try await store.pull(
            reference, platform: platform, credentials: credentials, ignoreBudget: ignoreBudget
        ) { continuation.yield($0) }
    }

    private static func closing(_ reference: ImageReference, _ image: Image, isNew: Bool) -> [[UInt8]] {
        let digest = image.repositoryDigests
            .compactMap { try? ImageReference(parsing: $0) }
            .first { $0.name == reference.name }?.digest
        return [
            digest.map { line(["status": .string("Digest: \($0)")]) },
            line([
                "status": .string(
                    "Status: \(isNew ? "Downloaded newer image" : "Image is up to date") for \(reference.familiar)")
            ]),
        ].compactMap { $0 }
    }

    private static func line(_ step: PullProgress) -> [UInt8]? {
        guard let blob = step.blob else { return nil }
        let status =
            switch step.phase {
            case .waiting: step.detail.map { "Waiting: \($0)" } ?? "Pulling fs layer"
            case .downloading: "Downloading"
            case .downloaded: "Download complete"
            case .unpacking: "Extracting"
            case .done: "Pull complete"
            case .exists: "Already exists"
            case .resolving: "Resolving"
            }
        var value: JSONValue = ["status": .string(status), "id": .string(blob.short), "progressDetail": [:]]
        if step.phase == .downloading {
            value["progressDetail"] = ["current": .integer(step.completedBytes), "total": .integer(step.totalBytes)]
            value["progress"] = .string(bar(step.completedBytes, of: step.totalBytes))
        }
        return line(value)
    }

    /// What Docker sends beside the numbers, for clients that only print: `[=====>     ]  12.3MB/45.6MB`.
    private static func bar(_ current: Int64, of total: Int64) -> String {
        let filled = total > 0 ? Int(min(current, total) * 50 / total) : 0
        let bar = String(repeating: "=", count: filled) + (filled < 50 ? ">" : "")
        func text(_ bytes: Int64) -> String {
            let tenths = bytes / 100_000
            return "\(tenths / 10).\(tenths % 10)MB"
        }
        return "[\(bar)\(String(repeating: " ", count: max(0, 50 - bar.utf8.count)))]  \(text(current))/\(text(total))"
    }

    static func line(_ value: JSONValue) -> [UInt8] { value.serialized() + Array("\r\n".utf8) }

    private static func lines(_ values: [JSONValue]) -> Response {
        .bytes(values.flatMap(line), status: .ok, contentType: "application/json")
    }
}

extension RegistryCredentials {
    /// Reads `X-Registry-Auth`: JSON in base64url; nil for none, or one without a user.
    init?(header: String?) throws {
        guard let header, !header.isEmpty else { return nil }
        guard let bytes = Base64URL.decode(header), let value = try? JSONValue(parsing: bytes), value.objectValue != nil
        else { throw DockerFailure(.badRequest, "X-Registry-Auth is not JSON in base64url") }
        let user = value["username"]?.stringValue ?? ""
        let identity = value["identitytoken"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        guard !user.isEmpty || identity != nil else { return nil }
        self.init(username: user, password: value["password"]?.stringValue ?? "", identityToken: identity)
    }
}

/// The URL-safe alphabet of base64 (RFC 4648), also with the standard one and with or without padding.
enum Base64URL {
    static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - UInt8(ascii: "A")
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - UInt8(ascii: "a") + 26
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0") + 52
            case UInt8(ascii: "-"), UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "_"), UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="): continue
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }
}
