import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Resources
import YAML

/// The body of a request, within the size that the API accepts.
struct RequestDocument {
    /// As kube-apiserver: 3 MiB.
    static let limit = 3 << 20

    let mediaType: String
    let bytes: [UInt8]

    /// - Throws: 413 for a body past the limit.
    init(_ request: Request) async throws {
        mediaType = MediaType(request.headers[.contentType] ?? "application/json").name
        do {
            let buffer = try await request.body.collect(upTo: Self.limit)
            bytes = Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw StatusError.tooLarge(limit: Self.limit)
        }
    }

    /// The object in a JSON or YAML body.
    ///
    /// - Throws: 415 for other media types, 400 for a body that cannot be read.
    func object() throws(StatusError) -> JSONValue {
        switch mediaType {
        case "application/json", "":
            return try json()
        case "application/yaml", "application/x-yaml", "text/yaml":
            return try yaml()
        case ProtobufReader.mediaType:
            return try ProtobufReader.document(bytes)
        default:
            throw .unsupportedMediaType(accepted: [
                "application/json", "application/yaml", ProtobufReader.mediaType,
            ])
        }
    }

    func json() throws(StatusError) -> JSONValue {
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw .badRequest("couldn't get version/kind; json parse error: \(error)")
        }
    }

    func yaml() throws(StatusError) -> JSONValue {
        let documents: [JSONValue]
        do {
            documents = try YAMLReader.documents(in: bytes)
        } catch {
            throw .badRequest("error parsing the YAML body: \(error)")
        }
        guard documents.count == 1 else {
            throw .badRequest("the YAML body holds \(documents.count) documents; send exactly one")
        }
        return documents[0]
    }

}
