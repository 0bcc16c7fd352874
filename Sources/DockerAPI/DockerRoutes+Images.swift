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
        let filters = try query.filters()
        let known: Set<String> = ["dangling", "label", "reference"]
        if let unknown = filters.keys.sorted().first(where: { !known.contains($0) }) {
            throw DockerFailure(.badRequest, "invalid filter '\(unknown)'")
        }
        let images = try await images.list().filter { Self.matches($0, filters) }
        let patterns = filters["reference"] ?? []
        return .json(.array(images.map { Self.summary($0, patterns) }))
    }

    private static func matches(_ image: Image, _ filters: [String: [String]]) -> Bool {
        if let dangling = filters["dangling"]?.first {
            guard ["1", "true"].contains(dangling.lowercased()) == image.references.isEmpty else { return false }
        }
        let labels = image.config.config?.labels ?? [:]
        for label in filters["label"] ?? [] {
            let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
            guard let key = parts.first, let value = labels[key], parts.count == 1 || parts[1] == value else {
                return false
            }
        }
        guard let patterns = filters["reference"], !patterns.isEmpty else { return true }
        return patterns.contains { pattern in image.references.contains { name($0, fits: pattern) } }
    }

    /// `busybox` fits every tag of it, `busybox:1*` those that begin so; `*` does not match a slash.
    private static func name(_ familiar: String, fits pattern: String) -> Bool {
        guard let reference = try? ImageReference(parsing: familiar) else { return false }
        return [familiar, reference.familiarName, reference.name, reference.description].contains {
            Glob.matches(Array(pattern.utf8)[...], Array($0.utf8)[...])
        }
    }

    /// With patterns only the names that fit are listed.
    private static func summary(_ image: Image, _ patterns: [String]) -> JSONValue {
        let tags = tags(image).filter { tag in patterns.isEmpty || patterns.contains { name(tag, fits: $0) } }
        return [
            "Id": .string(image.id.description), "ParentId": "", "RepoTags": strings(tags),
            "RepoDigests": strings(image.repositoryDigests), "Created": .integer(seconds(image.created)),
            "Size": .integer(image.size), "VirtualSize": .integer(image.size), "SharedSize": -1, "Containers": -1,
            "Labels": labels(image.config.config?.labels),
        ]
    }

    func inspectImage(_ name: String) async throws -> Response {
        let image = try await required(name)
        let process = try image.config.config.map { try JSONValue(encoding: $0) } ?? .object([:])
        let value: JSONValue = [
            "Id": .string(image.id.description), "RepoTags": Self.strings(Self.tags(image)),
            "RepoDigests": Self.strings(image.repositoryDigests), "Parent": "", "Comment": "",
            "Created": .string(image.created), "Author": .string(image.config.author ?? ""), "Config": process,
            "Architecture": .string(image.config.architecture), "Variant": .string(image.config.variant ?? ""),
            "Os": .string(image.config.os), "Size": .integer(image.size), "VirtualSize": .integer(image.size),
            "GraphDriver": ["Name": "overlay2", "Data": .null],
            "RootFS": [
                "Type": "layers", "Layers": Self.strings(image.config.rootfs.diffIDs.map(\.description)),
            ],
            "Metadata": ["LastTagTime": "0001-01-01T00:00:00Z"],
        ]
        return .json(value)
    }

    func history(of name: String) async throws -> Response {
        let image = try await required(name)
        let entries = (image.config.history ?? []).enumerated().map { offset, entry -> JSONValue in
            let isTop = offset == (image.config.history?.count ?? 0) - 1
            return [
                "Id": .string(isTop ? image.id.description : "<missing>"),
                "Created": .integer(Self.seconds(entry.created ?? "")), "CreatedBy": .string(entry.createdBy ?? ""),
                "Tags": isTop ? Self.strings(Self.tags(image)) : .null, "Size": 0,
                "Comment": .string(entry.comment ?? ""),
            ]
        }
        return .json(.array(entries.reversed()))
    }

    func required(_ name: String) async throws -> Image {
        guard let image = try await images.find(name) else {
            throw DockerFailure(.notFound, "No such image: \(name)")
        }
        return image
    }

    // MARK: Changing

    func tagImage(_ name: String, _ query: Query) async throws -> Response {
        _ = try await required(name)
        try await images.tag(name, as: try Self.reference(query["repo"], tag: query["tag"]))
        return Response(status: .created)
    }

    func removeImage(_ name: String, _ query: Query) async throws -> Response {
        _ = try await required(name)
        let items = try await images.remove(name, force: query.flag("force"), inUse: await imagesInUse())
        let lines = items.map { item -> JSONValue in
            switch item {
            case .untagged(let name): ["Untagged": .string(name)]
            case .deleted(let digest): ["Deleted": .string(digest.description)]
            }
        }
        return .json(.array(lines))
    }

    // MARK: Pieces

    /// A name that comes in two parts; the tag may be a digest, and may also stand in the name.
    static func reference(_ repository: String?, tag: String?) throws -> ImageReference {
        guard let repository, !repository.isEmpty else { throw DockerFailure(.badRequest, "the image name is missing") }
        guard let tag, !tag.isEmpty else { return try ImageReference(parsing: repository) }
        return try ImageReference(parsing: repository + (tag.hasPrefix("sha256:") ? "@" : ":") + tag)
    }

    private static func tags(_ image: Image) -> [String] { image.references.filter { !$0.contains("@") } }

    private static func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }

    private static func labels(_ labels: [String: String]?) -> JSONValue {
        labels.map { .object($0.mapValues(JSONValue.string)) } ?? .null
    }

    private static func seconds(_ date: String) -> Int64 { RFC3339.parse(date)?.seconds ?? 0 }
}

/// Shell patterns with `*` and `?`, neither of which matches a slash.
enum Glob {
    static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        // Iterative with one point to return to: a later star makes every earlier one as good as fixed.
        var pattern = pattern, text = text
        var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, text)
            } else if let byte = text.first, let wanted = pattern.first,
                wanted == byte || (wanted == UInt8(ascii: "?") && byte != UInt8(ascii: "/"))
            {
                pattern = pattern.dropFirst()
                text = text.dropFirst()
            } else if pattern.isEmpty && text.isEmpty {
                return true
            } else if let last = retry, let byte = last.text.first, byte != UInt8(ascii: "/") {
                retry = (last.pattern, last.text.dropFirst())
                pattern = last.pattern
                text = last.text.dropFirst()
            } else {
                return false
            }
        }
    }
}
