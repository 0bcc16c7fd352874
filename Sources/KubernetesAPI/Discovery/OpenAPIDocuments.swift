import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Resources
import Synchronization

/// `/openapi/v3`: the index and one document per group-version.
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

    /// The v2 document says nothing: kubectl asks for it only after v3 did not know a kind, to be told the same.
    static func emptyV2(_ request: Request) -> Response {
        guard request.headers[.accept]?.contains("proto-openapi.spec.v2@v1.0+protobuf") == true else {
            return .json(["swagger": "2.0", "info": ["title": "Kubernetes", "version": "v2"], "paths": [:]])
        }
        // The `@` that clients send is no valid media type; kube-apiserver answers with a dot.
        return .bytes([], contentType: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
    }

    func document(_ request: Request) throws(StatusError) -> Response {
        let path = request.uri.path.split(separator: "/").dropFirst(2).joined(separator: "/")
        guard let bytes = bytes(of: path) else { throw .unknownPath() }
        var response = Response.bytes(bytes, contentType: "application/json")
        if QueryParameters(request.uri.query)["hash"] == hash(of: path) {
            response.headers[.cacheControl] = "public, immutable, max-age=31536000"
        }
        return response
    }

    private func bytes(of path: String) -> [UInt8]? {
        guard var document = Schema.openAPIv3(path) else { return nil }
        document["info"] = ["title": "Kubernetes", "version": .string(version.gitVersion)]
        return document.serialized()
    }

    private func hash(of path: String) -> String {
        if let known = hashes.withLock({ $0[path] }) { return known }
        // FNV-1a, 64 bits: names a cache entry, protects nothing.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes(of: path) ?? [] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let text = String(hash, radix: 16, uppercase: true)
        hashes.withLock { $0[path] = text }
        return text
    }
}
