import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Linux
import ResourceStore
import Resources

/// A request for what pods or nodes use.
struct UsageRequest {
    let request: Request
    /// `PodMetrics` or `NodeMetrics`.
    let type: ResourceType
    let namespace: String?
    let name: String?

    /// The type that is measured.
    var subject: ResourceType { type.namespaced ? .pod : .node }
}

extension KubernetesRoutes {
    /// `metrics.k8s.io`, as metrics-server answers: what cannot be told about is left out of lists.
    func respond(_ request: UsageRequest) async throws -> Response {
        guard let usage else { throw StatusError.unknownPath() }
        let query = QueryParameters(request.request.uri.query)
        guard [.get, .head].contains(request.request.method), try !query.flag("watch") else {
            throw StatusError.methodNotAllowed()
        }
        let shape = try ResponseShape(accept: request.request.headers[.accept])
        let subjects = try await subjects(of: request, query)
        let reports = try await reports(on: subjects, usage)
        let now = WallClock.now().seconds
        let items = subjects.compactMap { subject in
            reports[subject.uid].map { MeasuredObject(type: request.type, subject: subject, report: $0, now: now) }
        }
        guard let name = request.name else { return .json(MeasuredObject.list(items, of: request.type, shape)) }
        guard let item = items.first else {
            throw Self.notMeasured(request.type, request.namespace.map { "\($0)/\(name)" } ?? name)
        }
        return .json(item.value(shape))
    }

    private func subjects(of request: UsageRequest, _ query: QueryParameters) async throws -> [Resource] {
        if let name = request.name {
            let key = ResourceKey(type: request.subject, namespace: request.namespace, name: name)
            return [try await store.get(key)]
        }
        let selection = try query.selection(of: ServedForm.of(request.type))
        return try await store.list(
            request.subject, namespace: request.namespace, labels: selection.labels, fields: selection.fields
        ).items
    }

    private func reports(on subjects: [Resource], _ usage: UsageReader) async throws -> [String: UsageReport] {
        guard subjects.first?.type == .node else { return try await usage.pods(Set(subjects.map(\.uid))) }
        var reports: [String: UsageReport] = [:]
        for node in subjects { reports[node.uid] = try await usage.node(node.name) }
        return reports
    }

    private static func notMeasured(_ type: ResourceType, _ name: String) -> StatusError {
        let resource = type.kind.lowercased()
        return StatusError(
            code: 404, reason: .notFound, message: "\(resource).\(type.group) \"\(name)\" not found",
            details: StatusError.Details(name: name, group: type.group, kind: resource))
    }
}
