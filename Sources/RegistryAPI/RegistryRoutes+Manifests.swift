internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import NIOCore
internal import OCI

extension RegistryRoutes {
    func manifest(_ request: RegistryRequest, _ name: RepositoryName, _ text: String) async throws -> Response {
        switch request.method {
        case "GET", "HEAD":
            let locator: ManifestLocator
            do { locator = try ManifestLocator(parsing: text) } catch {
                // What can be no tag is the tag of nothing.
                guard error.code == .invalidManifest else { throw error }
                throw ImageError(.unknownManifest, error.message)
            }
            return try await read(request, name, locator)
        case "PUT":
            return try await put(request, name, try ManifestLocator(parsing: text))
        case "DELETE":
            try content.demandOwn(name)
            try await store.removeManifest(ManifestLocator(parsing: text), from: name)
            return Response(status: .accepted)
        default:
            return Self.unsupported(request, allow: "GET, HEAD, PUT, DELETE")
        }
    }

    private func read(
        _ request: RegistryRequest, _ name: RepositoryName, _ locator: ManifestLocator
    ) async throws -> Response {
        let manifest = try await content.manifest(locator, in: name)
        guard Self.accepts(request.request.headers[values: .accept], manifest.mediaType) else {
            throw ImageError(
                .unknownManifest,
                "manifest \(locator) of \(name) is \(manifest.mediaType), which the request's Accept leaves out")
        }
        let headers: HTTPFields = [
            .contentType: manifest.mediaType, .contentLength: "\(manifest.bytes.count)",
            .dockerContentDigest: "\(manifest.digest)", .eTag: "\"\(manifest.digest)\"",
        ]
        if request.request.headers[.ifNoneMatch] == "\"\(manifest.digest)\"" {
            return Response(status: .notModified, headers: [.eTag: "\"\(manifest.digest)\""])
        }
        let isHead = request.method == "HEAD"
        return Response(
            status: .ok, headers: headers,
            body: isHead ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: manifest.bytes)))
    }

    /// Whether a client takes this type; one that says nothing takes all.
    private static func accepts(_ accept: [String], _ type: String) -> Bool {
        let types = accept.flatMap { $0.split(separator: ",") }
            .map { $0.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() }
        return types.isEmpty || types.contains { ["*/*", "application/*", "application/json", type].contains($0) }
    }

    private func put(
        _ request: RegistryRequest, _ name: RepositoryName, _ locator: ManifestLocator
    ) async throws -> Response {
        try content.demandOwn(name)
        let bytes: [UInt8]
        do { bytes = try await request.body(upTo: RegistryStore.manifestLimit) } catch is NIOTooManyBytesError {
            throw ImageError(
                .manifestTooLarge,
                "a manifest has at most \(RegistryStore.manifestLimit) bytes; put the rest into blobs")
        }
        guard request.length == nil || request.length == Int64(bytes.count) else {
            throw ImageError(.sizeMismatch, "\(request.length ?? 0) bytes were announced and \(bytes.count) came")
        }
        let stored = try await store.putManifest(
            bytes, type: request.request.headers[.contentType], as: locator, in: name)
        var response = Response(
            status: .created,
            headers: [
                .location: "/v2/\(name)/manifests/\(stored.digest)", .dockerContentDigest: "\(stored.digest)",
            ])
        if let subject = stored.subject { response.headers[.ociSubject] = "\(subject)" }
        return response
    }

    // MARK: Listings

    /// Entries of one page when the client names no number, and at most.
    private static let pageLimit = 10_000
    private static let referrersLimit = 1000

    private static func pageSize(_ request: RegistryRequest) throws -> Int {
        guard let text = request.query["n"] else { return pageLimit }
        guard let number = ByteRange.number(text) else {
            throw DistributionFailure(
                "PAGINATION_NUMBER_INVALID", 400, "n=\(text.prefix(40)) is not a number of entries")
        }
        return Int(min(number, Int64(pageLimit)))
    }

    func tags(_ request: RegistryRequest, _ name: RepositoryName) async throws -> Response {
        guard request.method == "GET" else { return Self.unsupported(request, allow: "GET") }
        let size = try Self.pageSize(request)
        let found = try await store.tags(in: name, after: request.query["last"] ?? "", limit: size + 1)
        let page = Array(found.prefix(size))
        var response = Response.json(["name": .string("\(name)"), "tags": .array(page.map { .string($0) })])
        if found.count > size, let last = page.last {
            response.headers[.link] = Self.next("/v2/\(name)/tags/list", [("n", "\(size)"), ("last", last)])
        }
        return response
    }

    func catalog(_ request: RegistryRequest, _ caller: RegistryCaller) async throws -> Response {
        guard request.method == "GET" else { return Self.unsupported(request, allow: "GET") }
        let size = try Self.pageSize(request)
        let isVisible = await access.visibility(for: caller)
        let found = try await store.repositories(
            after: request.query["last"] ?? "", limit: size + 1, isVisible: isVisible)
        let page = Array(found.prefix(size))
        var response = Response.json(["repositories": .array(page.map { .string($0) })])
        if found.count > size, let last = page.last {
            response.headers[.link] = Self.next("/v2/_catalog", [("n", "\(size)"), ("last", last)])
        }
        return response
    }

    func referrers(_ request: RegistryRequest, _ name: RepositoryName, _ text: String) async throws -> Response {
        guard request.method == "GET" else { return Self.unsupported(request, allow: "GET") }
        let digest = try Digest(locating: text)
        let type = request.query["artifactType"].flatMap { $0.isEmpty ? nil : $0 }
        let (descriptors, next) = try await store.referrers(
            of: digest, in: name, type: type, after: request.query["last"] ?? "", limit: Self.referrersLimit)
        let index: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex), "manifests": .array(descriptors),
        ]
        var response = Response.json(index, contentType: MediaType.ociIndex)
        if type != nil { response.headers[.ociFiltersApplied] = "artifactType" }
        if let next {
            let filter = type.map { [("artifactType", $0)] } ?? []
            response.headers[.link] = Self.next("/v2/\(name)/referrers/\(digest)", filter + [("last", "\(next)")])
        }
        return response
    }

    private static func next(_ path: String, _ query: [(String, String)]) -> String {
        let items = query.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        return "<\(path)?\(items)>; rel=\"next\""
    }
}
