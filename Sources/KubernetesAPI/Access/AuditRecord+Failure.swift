import HTTPServing
import HTTPTypes
import Hummingbird
import JSON

extension AuditRecord {
    /// Bytes of a path and of a user agent: they come from nobody in particular.
    private static let textLimit = 256

    /// A request that is answered with 401, in the words of kube-apiserver (`WithFailedAuthenticationAudit`): the stage is
    /// `ResponseStarted`, and the user has no name.
    static func failedAuthentication(
        _ request: Request, _ context: ServingContext, hasCertificate: Bool
    ) -> JSONValue {
        var head = HTTPRequest(
            method: request.method, scheme: nil, authority: nil, path: short(request.uri.description))
        head.headerFields[.userAgent] = request.headers[.userAgent].map(short)
        let bounded = Request(head: head, body: RequestBody(buffer: .init()))
        var value = AuditRecord(bounded, context, RequestAttributes(bounded)).value(code: 401)
        value["stage"] = "ResponseStarted"
        value["user"] = [:]
        let attempted = attempted(request.headers, hasCertificate: hasCertificate)
        value[path: "responseStatus", "message"] = .string(
            attempted.isEmpty
                ? "Authentication failed, no credentials provided"
                : "Authentication failed, attempted: " + attempted.joined(separator: ", "))
        return value
    }

    private static func attempted(_ headers: HTTPFields, hasCertificate: Bool) -> [String] {
        let words = (headers[.authorization] ?? "").split(separator: " ")
        let scheme = words.count > 1 ? words[0].lowercased() : ""
        return (["basic", "bearer"].contains(scheme) ? [scheme] : []) + (hasCertificate ? ["x509"] : [])
    }

    private static func short(_ text: String) -> String {
        text.utf8.count <= textLimit ? text : String(decoding: text.utf8.prefix(textLimit), as: UTF8.self) + "…"
    }
}
