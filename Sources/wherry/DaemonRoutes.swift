import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources
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

/// The metrics of a daemon: its process, its API, and how many objects of each kind it holds.
struct DaemonMetrics: Sendable {
    let registry = MetricsRegistry()
    private let requests: Counter
    private let durations: Histogram

    init(store: Store) {
        requests = registry.counter(
            "wherry_http_requests_total", help: "Answered HTTP requests.", labels: ["listener", "method", "code"])
        durations = registry.histogram(
            "wherry_http_request_duration_seconds", help: "Time to a whole answer, streams left out.",
            labels: ["listener"])
        ProcessMetrics.register(in: registry)
        registry.collect { [await Self.objects(in: store)] }
    }

    func observe(_ request: RequestObservation) {
        requests.increment(by: 1, "\(request.listener)", request.method, "\(request.code)")
        if !request.isStream { durations.observe(request.duration, "\(request.listener)") }
    }

    private static func objects(in store: Store) async -> MetricFamily {
        var samples: [MetricFamily.Sample] = []
        for type in ResourceType.all {
            let count = (try? await store.list(type).items.count) ?? 0
            samples.append(MetricFamily.Sample(Double(count), labels: [("kind", type.kind)]))
        }
        return MetricFamily("wherry_objects", .gauge, help: "Objects in the store.", samples: samples)
    }
}
