public import Hummingbird

/// Stands between a listener and the router: it decides whether a known caller may make a request, and as whom.
///
/// Public paths pass it by: their routes decide by themselves.
public protocol RequestGate: Sendable {
    /// Answers by itself, or with what `next` answers.
    func respond(
        to request: Request, context: ServingContext,
        next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response

    /// Learns of a request that is answered with 401, as its credentials are nobody's.
    func refused(_ request: Request, context: ServingContext) async
}
