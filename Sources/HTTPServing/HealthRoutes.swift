import HTTPTypes
public import Hummingbird

/// The routes by which machines watch the daemon: `/livez`, `/healthz`, `/readyz` and `/metrics`.
public struct HealthRoutes: Sendable {
    private let notReady: @Sendable () async -> [String]
    private let metrics: @Sendable () async -> String

    /// - Parameters:
    ///   - notReady: what the daemon still waits for, one line each; empty when it is ready.
    ///   - metrics: the Prometheus text, evaluated per scrape.
    public init(
        notReady: @escaping @Sendable () async -> [String], metrics: @escaping @Sendable () async -> String
    ) {
        self.notReady = notReady
        self.metrics = metrics
    }

    /// Adds the routes; `/livez` answers as soon as the process serves at all.
    public func register(on router: Router<ServingContext>) {
        for method in [HTTPRequest.Method.get, .head] {
            router.on("livez", method: method) { _, _ in Response.text("ok") }
            router.on("healthz", method: method) { _, _ in Response.text("ok") }
            router.on("readyz", method: method) { [notReady] _, _ in
                let missing = await notReady()
                guard missing.isEmpty else {
                    return Response.text(
                        "not ready: " + missing.joined(separator: "; ") + "\n", status: .serviceUnavailable)
                }
                return Response.text("ok")
            }
        }
        router.get("metrics") { [metrics] _, _ in
            let text = await metrics()
            return Response.bytes(Array(text.utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}
