internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import OCI

extension DockerRoutes {
    /// `docker push`; without a tag every tag of the repository goes.
    func pushImage(_ request: Request, _ name: String, _ query: Query) async throws -> Response {
        let credentials = try RegistryCredentials(header: request.headers[Self.authHeader])
        let tag = query["tag"].flatMap { $0.isEmpty ? nil : $0 }
        let reference = try Self.reference(name, tag: tag)
        let isNamed = tag != nil || name.hasSuffix(":" + reference.locator)
        let references = isNamed ? [reference] : try await images.tags(ofRepository: reference)
        guard !references.isEmpty else {
            throw DockerFailure(
                .notFound, "An image does not exist locally with the tag: \(reference.familiarName)")
        }
        for reference in references { _ = try await required(reference.familiar) }
        let store = images
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .stream(for: request) { writer in
                try await writer.write(
                    Self.line(["status": .string("The push refers to repository [\(reference.name)]")]))
                do {
                    for reference in references { try await Self.push(store, reference, credentials, writer) }
                } catch let error as ImageError {
                    let message = JSONValue.string(error.message)
                    try await writer.write(Self.line(["errorDetail": ["message": message], "error": message]))
                }
            })
    }

    private static func push(
        _ store: ImageStore, _ reference: ImageReference, _ credentials: RegistryCredentials?, _ writer: StreamWriter
    ) async throws {
        let (progress, continuation) = AsyncStream.makeStream(
            of: PushProgress.self, bufferingPolicy: .bufferingNewest(1024))
        async let pushed: PushedManifest = push(store, reference, credentials, reportingTo: continuation)
        for await step in progress { try await writer.write(line(step)) }
        let manifest = try await pushed
        try await writer.write(
            line(["status": .string("\(reference.locator): digest: \(manifest.digest) size: \(manifest.size)")]))
        try await writer.write(
            line([
                "progressDetail": [:],
                "aux": [
                    "Tag": .string(reference.locator), "Digest": .string(manifest.digest.description),
                    "Size": .integer(manifest.size),
                ],
            ]))
    }

    private static func push(
        _ store: ImageStore, _ reference: ImageReference, _ credentials: RegistryCredentials?,
        reportingTo continuation: AsyncStream<PushProgress>.Continuation
    ) async throws -> PushedManifest {
        defer { continuation.finish() }
        return try await store.push(reference, credentials: credentials) { continuation.yield($0) }
    }

    private static func line(_ step: PushProgress) -> [UInt8] {
        let status =
            switch step.phase {
            case .preparing: "Preparing"
            case .pushing: "Pushing"
            case .pushed: "Pushed"
            case .exists: "Layer already exists"
            case .mounted(let repository): "Mounted from \(repository)"
            }
        var value: JSONValue = ["status": .string(status), "id": .string(step.layer.short), "progressDetail": [:]]
        if step.phase == .pushing {
            value["progressDetail"] = ["current": .integer(step.completedBytes), "total": .integer(step.totalBytes)]
        }
        return line(value)
    }
}
