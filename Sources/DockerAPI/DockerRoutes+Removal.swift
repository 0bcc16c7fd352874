internal import ContainerEngine
internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import OCI

extension DockerRoutes {
    func imagesInUse() async -> Set<Digest> {
        Set(await engine.list().compactMap { try? Digest(parsing: $0.imageID) })
    }

    /// `docker rmi`
    func removeImage(_ name: String, _ query: Query) async throws -> Response {
        let image = try await required(name)
        let force = query.flag("force")
        try await checkUsers(of: image, removing: name, force: force)
        let items = try await images.remove(name, force: force, inUse: await imagesInUse())
        return .json(.array(items.map(Self.line)))
    }

    /// `docker image prune`
    func pruneImages(_ query: Query) async throws -> Response {
        let filter = try await ImageFilter(
            query.filters(), known: ["dangling", "label", "label!", "until"], required: required)
        let request = PruneRequest(includesNamed: filter.dangling == false, condition: filter.acceptsIgnoringNames)
        let (items, freed) = try await images.prune(request, inUse: await imagesInUse())
        return .json([
            "ImagesDeleted": items.isEmpty ? .null : .array(items.map(Self.line)), "SpaceReclaimed": .integer(freed),
        ])
    }

    private static func line(_ item: RemovedItem) -> JSONValue {
        switch item {
        case .untagged(let name): ["Untagged": .string(name)]
        case .deleted(let digest): ["Deleted": .string(digest.description)]
        }
    }

    /// Refuses in Docker's words what would take an image from under a container.
    private func checkUsers(of image: Image, removing name: String, force: Bool) async throws {
        let familiar = (try? ImageReference(parsing: name))?.familiar ?? name
        let isByName = image.references.contains(familiar)
        if isByName, image.references.count > 1 { return }
        let users = await engine.list().filter { $0.imageID == image.id.description }.sorted {
            $0.isRunning && !$1.isRunning
        }
        guard let user = users.first, !force || user.isRunning else { return }
        let container = String(user.id.prefix(12))
        guard isByName, !force else {
            let how = user.isRunning ? "cannot be forced" : "must be forced"
            throw DockerFailure(
                .conflict,
                "conflict: unable to delete \(image.id.short) (\(how)) - image is being used by "
                    + "\(user.isRunning ? "running" : "stopped") container \(container); remove that container first")
        }
        throw DockerFailure(
            .conflict,
            "conflict: unable to remove repository reference \"\(familiar)\" (must force) - container "
                + "\(container) is using its referenced image \(image.id.short); remove that container first")
    }
}
