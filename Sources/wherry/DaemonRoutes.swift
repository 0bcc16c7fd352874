import Access
import HTTPServing
import HTTPTypes
import Hummingbird
import Identity
import Images
import JSON
import ResourceStore
import Resources
import SQLite
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
        router.get("wherry/v1/kubeconfig") { [identity, address, name] request, _ in
            guard let current = address.current else {
                return Response.failure(503, reason: "ServiceUnavailable", message: "the TLS listener is not open yet")
            }
            let query = request.uri.queryParameters
            guard let user = query["user"].map(String.init) else {
                return Response.json(identity.kubeconfig(name: name, address: current))
            }
            let groups = query.filter { $0.key == "group" }.map { String($0.value) }
            return try Self.kubeconfig(
                identity, name, current, user: user, groups: groups, days: query["days"].flatMap { Int($0) } ?? 365)
        }
    }
}

extension DaemonRoutes {
    /// Every person with a certificate is in it.
    private static let userGroup = "wherry:users"
    /// Names that would make a person more, or somebody else.
    private static let reserved = "system:"

    private static func kubeconfig(
        _ identity: ListenerIdentity, _ name: String, _ address: ListenAddress, user: String, groups: [String],
        days: Int
    ) throws -> Response {
        func refuse(_ message: String) -> Response { .failure(400, reason: "BadRequest", message: message) }
        for text in [user] + groups {
            guard (1...128).contains(text.utf8.count), !text.hasPrefix(reserved) || text == User.superuserGroup else {
                return refuse(
                    "the name \"\(text)\" cannot be given: it must have 1 to 128 bytes and not begin with \(reserved) "
                        + "(but for the group \(User.superuserGroup))")
            }
        }
        guard user != User.superuserGroup, (1...3650).contains(days) else {
            return refuse("a certificate is valid for 1 to 3650 days, and its user is no group")
        }
        let holder = CertificateUser(name: user, groups: groups + [userGroup])
        return .json(try identity.kubeconfig(name: name, address: address, user: holder, days: days))
    }
}

/// The metrics of a daemon: its process, its API, and how many objects of each kind it holds.
struct DaemonMetrics: Sendable {
    let registry = MetricsRegistry()
    private let requests: Counter
    private let durations: Histogram

    init(store: Store, isDataReadOnly: Bool = false) {
        requests = registry.counter(
            "wherry_http_requests_total", help: "Answered HTTP requests.", labels: ["listener", "method", "code"])
        durations = registry.histogram(
            "wherry_http_request_duration_seconds", help: "Time to a whole answer, streams left out.",
            labels: ["listener"])
        ProcessMetrics.register(in: registry)
        registry.collect { [await Self.objects(in: store)] }
        let lost = store.recovery.lostContent
        registry.collect {
            [
                MetricFamily(
                    "wherry_store_restored", .gauge,
                    help:
                        "Whether this start found the store damaged and took its place from a snapshot, or from nothing.",
                    value: lost ? 1 : 0),
                MetricFamily(
                    "wherry_data_read_only", .gauge,
                    help: "Whether the data directory's file system is read-only, and the daemon goes on in memory.",
                    value: isDataReadOnly ? 1 : 0),
            ]
        }
    }

    /// What the image store found, mended and freed.
    func collect(from images: ImageStore) {
        registry.collect {
            guard let numbers = try? await images.statistics() else { return [] }
            func family(_ name: String, _ kind: MetricFamily.Kind, _ help: String, _ value: Int64) -> MetricFamily {
                MetricFamily("wherry_images_\(name)", kind, help: help, samples: [.init(Double(value))])
            }
            return [
                family(
                    "damaged", .gauge, "Layers and blobs that are damaged and not repaired.", Int64(numbers.damaged)),
                family("damages_found_total", .counter, "Damages that checks found.", numbers.damagesFound),
                family("damages_repaired_total", .counter, "Damages that were repaired.", numbers.damagesRepaired),
                family("checked_bytes_total", .counter, "Bytes that checks read.", numbers.checkedBytes),
                family("collected_total", .counter, "Images removed to make room.", numbers.imagesCollected),
                family("freed_bytes_total", .counter, "Bytes freed by removing images.", numbers.freedBytes),
                family("shared_bytes_total", .counter, "Bytes saved by sharing files.", numbers.sharedBytes),
                family("reserve_held", .gauge, "1 while the disk reserve is held.", numbers.holdsReserve ? 1 : 0),
            ]
        }
    }

    func observe(_ request: RequestObservation) {
        requests.increment(by: 1, "\(request.listener)", request.method, "\(request.code)")
        if !request.isStream { durations.observe(request.duration, "\(request.listener)") }
    }

    private static func objects(in store: Store) async -> MetricFamily {
        var samples: [MetricFamily.Sample] = []
        for type in store.types.all {
            let count = (try? await store.list(type).items.count) ?? 0
            samples.append(MetricFamily.Sample(Double(count), labels: [("kind", type.kind)]))
        }
        return MetricFamily("wherry_objects", .gauge, help: "Objects in the store.", samples: samples)
    }
}
