internal import ContainerEngine
internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import NIOCore
internal import OCI

extension DockerRoutes {
    /// `docker export`
    func exportContainer(_ id: String) async throws -> Response {
        let files = try await engine.files(of: try await engine.find(id))
        return Response(
            status: .ok, headers: [.contentType: "application/octet-stream"],
            body: .download { writer in
                try await images.export(layers: files.layers) { try await writer.write($0) }
            })
    }

    /// `docker commit`
    func commit(_ request: Request) async throws -> Response {
        let query = Query(request.uri.query)
        let record = try await engine.find(query["container"] ?? "")
        let files = try await engine.files(of: record)
        guard let upper = files.layers.first, let base = try? Digest(parsing: files.imageID) else {
            throw DockerFailure(.badRequest, "container \(record.id) was not made from an image of this store")
        }
        var commit = CommitRequest(base: base, upper: upper)
        commit.reference = try query["repo"].flatMap { $0.isEmpty ? nil : $0 }.map {
            try Self.reference($0, tag: query["tag"])
        }
        commit.author = query["author"].flatMap { $0.isEmpty ? nil : $0 }
        commit.changes = try ImportChanges(dockerfile: query.all("changes"))
        commit.changes.message = query["comment"].flatMap { $0.isEmpty ? nil : $0 }
        let request = commit
        let store = images
        // Docker pauses unless told otherwise.
        let image =
            query["pause"] == nil || query.flag("pause")
            ? try await engine.whilePaused(record) { try await store.commit(request) }
            : try await store.commit(request)
        return .json(["Id": .string(image.id.description)], status: .created)
    }

    /// `docker save`
    func saveImages(_ names: [String]) async throws -> Response {
        guard !names.isEmpty else { throw DockerFailure(.badRequest, "no image to save is named") }
        let plan = try await images.planSave(names)
        return Response(
            status: .ok, headers: [.contentType: "application/x-tar"],
            body: .download { writer in try await images.save(plan) { try await writer.write($0) } })
    }
}
