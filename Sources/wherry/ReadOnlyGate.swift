import HTTPServing
import HTTPTypes
import Hummingbird
import KubernetesAPI
import Resources

/// Refuses what would change a device whose disk is read-only. Objects are refused where they are written: that API has requests
/// that change nothing.
struct ReadOnlyGate: RequestGate {
    let next: AccessGate
    let refusal: StatusError

    func respond(
        to request: Request, context: ServingContext,
        next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response {
        let refusal = refusal
        return try await self.next.respond(to: request, context: context) { request, context in
            guard Self.changesNothing(request) else {
                return .failure(503, reason: "ServiceUnavailable", message: refusal.message)
            }
            return try await next(request, context)
        }
    }

    func refused(_ request: Request, context: ServingContext) async {
        await next.refused(request, context: context)
    }

    private static func changesNothing(_ request: Request) -> Bool {
        let path = request.uri.path
        switch request.method {
        case .get, .head: return true
        case _ where path.hasPrefix("/api/") || path.hasPrefix("/apis/"): return true
        case .post where path == "/wherry/v1/images/check": return request.uri.queryParameters["repair"] == "0"
        case .post: return path.hasSuffix("/push")
        default: return false
        }
    }
}
