public import HTTPTypes
public import Hummingbird
public import JSON
import NIOCore

extension Response {
    /// A JSON body.
    public static func json(
        _ value: JSONValue, status: HTTPResponse.Status = .ok, contentType: String = "application/json",
        pretty: Bool = false
    ) -> Response {
        bytes(value.serialized(pretty: pretty), status: status, contentType: contentType)
    }

    /// A body of bytes that are ready to send.
    public static func bytes(
        _ bytes: [UInt8], status: HTTPResponse.Status = .ok, contentType: String
    ) -> Response {
        Response(
            status: status, headers: [.contentType: contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A plain text body.
    public static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        bytes(Array(text.utf8), status: status, contentType: "text/plain; charset=utf-8")
    }

    /// A Kubernetes `Status` failure, the error body every face of this server uses unless it has its own.
    public static func failure(_ code: Int, reason: String, message: String) -> Response {
        let status: JSONValue = [
            "apiVersion": "v1", "kind": "Status", "metadata": [:], "status": "Failure",
            "code": .integer(Int64(code)), "reason": .string(reason), "message": .string(message),
        ]
        return .json(status, status: HTTPResponse.Status(code: code))
    }
}
