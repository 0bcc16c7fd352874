import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources
import Synchronization

/// `/openapi/v3`, the index and one document per group-version, and `/openapi/v2`, one of all.
///
/// Documents are built when asked for: kubectl keeps them by their hash, so a device serves each one rarely and need
/// not hold it in memory.
final class OpenAPIDocuments: Sendable {
    private let version: ServerVersion
    private let store: Store
    private let hashes = Mutex<[String: String]>([:])

    init(version: ServerVersion, store: Store) {
        self.version = version
        self.store = store
    }

    var index: JSONValue {
        var paths: JSONValue = [:]
        let kinds = store.types.customKinds
        for path in Set(Schema.documentPaths + kinds.flatMap(\.servedTypes).map(Schema.path)) {
            paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash(of: path, kinds))")]
        }
        return ["paths": paths]
    }

    /// The v2 document, as JSON. Old clients ask for it as protobuf and want to know how to merge lists: an empty message
    /// tells them to merge as their built-in types say.
    func version2(_ request: Request) async throws -> Response {
        guard request.headers[.accept]?.contains("proto-openapi.spec.v2@v1.0+protobuf") == true else {
            return try await respond(request, Self.version2, store.types.customKinds)
        }
        // The `@` that clients send is no valid media type; kube-apiserver answers with a dot.
        return .bytes([], contentType: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
    }

    func document(_ request: Request) async throws -> Response {
        let path = request.uri.path.split(separator: "/").dropFirst(2).joined(separator: "/")
        guard path != Self.version2 else { throw StatusError.unknownPath() }
        let kinds = store.types.customKinds
        var response = try await respond(request, path, kinds)
        if QueryParameters(request.uri.query)["hash"] == hash(of: path, kinds) {
            response.headers[.cacheControl] = "public, immutable, max-age=31536000"
        }
        return response
    }

    /// Stands for the path of the v2 document, which has none below v3.
    private static let version2 = "v2"

    /// The document with its hash as a tag, or that it has not changed.
    private func respond(_ request: Request, _ path: String, _ kinds: [CustomKind]) async throws -> Response {
        let tag = "\"\(hash(of: path, kinds))\""
        if request.headers[.ifNoneMatch] == tag { return Response(status: .notModified, headers: [.eTag: tag]) }
        guard let bytes = bytes(of: path, try await definitions(path, kinds)) else { throw StatusError.unknownPath() }
        var response = Response.packed(bytes, contentType: "application/json", for: request)
        response.headers[.eTag] = tag
        return response
    }

    private func definitions(_ path: String, _ kinds: [CustomKind]) async throws -> [JSONValue] {
        var definitions: [JSONValue] = []
        for kind in Self.kinds(kinds, in: path) {
            let key = ResourceKey(type: .customResourceDefinition, namespace: nil, name: kind.name)
            if let definition = try await store.find(key) { definitions.append(definition.value) }
        }
        return definitions
    }

    private func bytes(of path: String, _ definitions: [JSONValue]) -> [UInt8]? {
        let isVersion2 = path == Self.version2
        guard
            var document = isVersion2
                ? Schema.openAPIv2(definitions: definitions) : Schema.openAPIv3(path, definitions: definitions)
        else { return nil }
        document["info"] = ["title": "Kubernetes", "version": .string(version.gitVersion)]
        return document.serialized()
    }

    /// The custom kinds that have a part in a document.
    private static func kinds(_ kinds: [CustomKind], in path: String) -> [CustomKind] {
        kinds.filter { path == version2 || $0.servedTypes.contains { Schema.path(of: $0) == path } }
    }

    /// Names a document by its content, and by the states of the definitions that have a part in it.
    private func hash(of path: String, _ kinds: [CustomKind]) -> String {
        let states = Self.kinds(kinds, in: path).map(\.fingerprint)
        let own = hash(of: path)
        return states.isEmpty ? own : Self.hash(Array((states + [own]).joined(separator: " ").utf8))
    }

    /// The hash of what is built in.
    private func hash(of path: String) -> String {
        if let known = hashes.withLock({ $0[path] }) { return known }
        let text = Self.hash(bytes(of: path, []) ?? [])
        // Paths that nobody serves leave nothing behind.
        if path == Self.version2 || Schema.documentPaths.contains(path) { hashes.withLock { $0[path] = text } }
        return text
    }

    /// FNV-1a, 64 bits: names a cache entry, protects nothing.
    private static func hash(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16, uppercase: true)
    }
}
