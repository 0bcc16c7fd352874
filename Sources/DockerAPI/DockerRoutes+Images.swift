internal import HTTPServing
internal import HTTPTypes
internal import Hummingbird
internal import Images
internal import JSON
internal import Linux
internal import OCI

extension DockerRoutes {
    // MARK: Reading

    func listImages(_ query: Query) async throws -> Response {
        let all = try await images.list()
        let filter = try await ImageFilter(
            query.filters(), known: ["before", "dangling", "label", "reference", "since", "until"], required: required)
        let found = all.filter(filter.accepts)
        return .json(.array(found.map { Self.summary($0, filter.patterns) }))
    }

    /// With patterns only the names that fit are listed.
    private static func summary(_ image: Image, _ patterns: [String]) -> JSONValue {
        let tags = tags(image).filter { tag in patterns.isEmpty || patterns.contains { ImageFilter.name(tag, fits: $0) }
        }
        var summary: JSONValue = [
            "Id": .string(image.id.description), "ParentId": "", "RepoTags": strings(tags),
            "RepoDigests": strings(image.repositoryDigests), "Created": .integer(seconds(image.created)),
            "Size": .integer(image.size), "VirtualSize": .integer(image.size), "SharedSize": -1, "Containers": -1,
            "Labels": labels(image.config.config?.labels),
        ]
        // Beside Docker's fields, and only when there is something to say.
        if let damage = image.damage { summary["Damage"] = .string(damage) }
        return summary
    }

    func inspectImage(_ name: String) async throws -> Response {
        let image = try await required(name)
        let process = try image.config.config.map { try JSONValue(encoding: $0) } ?? .object([:])
        let value: JSONValue = [
            "Id": .string(image.id.description), "RepoTags": Self.strings(Self.tags(image)),
            "RepoDigests": Self.strings(image.repositoryDigests), "Parent": "",
            "Comment": .string(image.config.history?.last?.comment ?? ""),
            "Created": .string(image.created), "Author": .string(image.config.author ?? ""), "Config": process,
            "Architecture": .string(image.config.architecture), "Variant": .string(image.config.variant ?? ""),
            "Os": .string(image.config.os), "Size": .integer(image.size), "VirtualSize": .integer(image.size),
            "RootFS": [
                "Type": "layers", "Layers": Self.strings(image.config.rootfs.diffIDs.map(\.description)),
            ],
            "Metadata": ["LastTagTime": "0001-01-01T00:00:00Z"],
        ]
        return .json(value)
    }

    /// One line for each step of the build, newest first; only the newest has an id, as everywhere since layers have none.
    func history(of name: String) async throws -> Response {
        let image = try await required(name)
        let steps = image.config.history ?? []
        var sizes = try await images.layerSizes(of: image.id)[...]
        var entries = steps.map { step -> JSONValue in
            let size = step.emptyLayer == true ? 0 : sizes.popFirst() ?? 0
            return Self.historyEntry(step, size: size)
        }
        // Layers that the history forgot are there all the same.
        entries += sizes.map { Self.historyEntry(ImageConfig.History(), size: $0) }
        entries.reverse()
        if !entries.isEmpty {
            entries[0]["Id"] = .string(image.id.description)
            entries[0]["Tags"] = Self.strings(Self.tags(image))
        }
        return .json(.array(entries))
    }

    private static func historyEntry(_ step: ImageConfig.History, size: Int64) -> JSONValue {
        [
            "Id": "<missing>", "Created": .integer(seconds(step.created ?? "")),
            "CreatedBy": .string(step.createdBy ?? ""), "Tags": .null, "Size": .integer(size),
            "Comment": .string(step.comment ?? ""),
        ]
    }

    func required(_ name: String) async throws -> Image {
        guard let image = try await images.find(name) else {
            throw DockerFailure(.notFound, "No such image: \((try? ImageReference(parsing: name))?.familiar ?? name)")
        }
        return image
    }

    // MARK: Changing

    func tagImage(_ name: String, _ query: Query) async throws -> Response {
        _ = try await required(name)
        try await images.tag(name, as: try Self.reference(query["repo"], tag: query["tag"]))
        return Response(status: .created)
    }

    // MARK: Pieces

    /// A name that comes in two parts; the tag may be a digest, and may also stand in the name.
    static func reference(_ repository: String?, tag: String?) throws -> ImageReference {
        guard let repository, !repository.isEmpty else { throw DockerFailure(.badRequest, "the image name is missing") }
        guard let tag, !tag.isEmpty else { return try ImageReference(parsing: repository) }
        return try ImageReference(parsing: repository + (tag.hasPrefix("sha256:") ? "@" : ":") + tag)
    }

    private static func tags(_ image: Image) -> [String] { image.references.filter { !$0.contains("@") } }

    static func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }

    private static func labels(_ labels: [String: String]?) -> JSONValue {
        labels.map { .object($0.mapValues(JSONValue.string)) } ?? .null
    }

    static func seconds(_ date: String) -> Int64 { RFC3339.parse(date)?.seconds ?? 0 }
}
