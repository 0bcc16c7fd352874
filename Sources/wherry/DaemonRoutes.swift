import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Telemetry

/// What both daemons serve beside their APIs.
struct DaemonRoutes {
    let identity: ListenerIdentity
    let address: ListenerAddress
    let name: String
    let metrics: MetricsRegistry
    /// What the daemon still waits for, one line each.
    let notReady: @Sendable () async -> [String]

    func register(on router: Router<ServingContext>) {
        HealthRoutes(notReady: notReady, metrics: { [metrics] in await metrics.render() }).register(on: router)
        router.get("wherry/v1/kubeconfig") { [identity, address, name] _, _ in
            guard let current = address.current else {
                return Response.failure(503, reason: "ServiceUnavailable", message: "the TLS listener is not open yet")
            }
            return Response.json(identity.kubeconfig(name: name, address: current))
        }
    }
}

/// The metrics that every daemon has.
enum DaemonMetrics {
    static func registry() -> MetricsRegistry {
        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        return registry
    }
}
