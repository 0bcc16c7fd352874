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
}
