import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Resources
import Synchronization

/// `/openapi/v3`, the index and one document per group-version, and `/openapi/v2`, one of all.
///
/// Documents are built when asked for: kubectl keeps them by their hash, so a device serves each one rarely and need
/// not hold it in memory.
final class OpenAPIDocuments: Sendable {
    private let version: ServerVersion
    private let hashes = Mutex<[String: String]>([:])

    init(version: ServerVersion) {
        self.version = version
    }

    var index: JSONValue {
        var paths: JSONValue = [:]
        for path in Schema.documentPaths {
            paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash(of: path))")]
        }
        return ["paths": paths]
    }

    /// The v2 document, as JSON. Old clients ask for it as protobuf and want to know how to merge lists: an empty message
    /// tells them to merge as their built-in types say.
    func version2(_ request: Request) -> Response {
        guard request.headers[.accept]?.contains("proto-openapi.spec.v2@v1.0+protobuf") == true else {
            return respond(request, Self.version2) ?? .status(.unknownPath())
        }
        // The `@` that clients send is no valid media type; kube-apiserver answers with a dot.
        return .bytes([], contentType: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
    }

    func document(_ request: Request) throws(StatusError) -> Response {
        let path = request.uri.path.split(separator: "/").dropFirst(2).joined(separator: "/")
        guard path != Self.version2, var response = respond(request, path) else { throw .unknownPath() }
        if QueryParameters(request.uri.query)["hash"] == hash(of: path) {
            response.headers[.cacheControl] = "public, immutable, max-age=31536000"
        }
        return response
    }

    /// Stands for the path of the v2 document, which has none below v3.
    private static let version2 = "v2"

    /// The document with its hash as a tag, or that it has not changed; nil when there is none.
    private func respond(_ request: Request, _ path: String) -> Response? {
        let known = hashes.withLock { $0[path] }
        if let known, request.headers[.ifNoneMatch] == "\"\(known)\"" {
            return Response(status: .notModified, headers: [.eTag: "\"\(known)\""])
        }
        guard let bytes = bytes(of: path) else { return nil }
        var response = Response.packed(bytes, contentType: "application/json", for: request)
        response.headers[.eTag] = "\"\(hash(bytes, of: path))\""
        return response
    }

    private func bytes(of path: String) -> [UInt8]? {
        guard var document = path == Self.version2 ? Schema.openAPIv2() : Schema.openAPIv3(path) else { return nil }
        document["info"] = ["title": "Kubernetes", "version": .string(version.gitVersion)]
        return document.serialized()
    }

    private func hash(of path: String) -> String {
        if let known = hashes.withLock({ $0[path] }) { return known }
        return hash(bytes(of: path) ?? [], of: path)
    }

    private func hash(_ bytes: [UInt8], of path: String) -> String {
        if let known = hashes.withLock({ $0[path] }) { return known }
        // FNV-1a, 64 bits: names a cache entry, protects nothing.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let text = String(hash, radix: 16, uppercase: true)
        hashes.withLock { $0[path] = text }
        return text
    }
}
