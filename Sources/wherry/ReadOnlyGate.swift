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

    private static func changesNothing(_ request: Request) -> Bool {
        let path = request.uri.path
        return [.get, .head].contains(request.method) || path.hasPrefix("/api/") || path.hasPrefix("/apis/")
            || path.hasSuffix("/push")
    }
}
