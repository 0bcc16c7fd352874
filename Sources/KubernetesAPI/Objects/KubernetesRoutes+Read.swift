import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Linux
import ResourceStore
import Resources

extension KubernetesRoutes {
    func respond(_ request: CollectionRequest) async throws -> Response {
        switch request.request.method {
        case .get, .head:
            return try await request.query.flag("watch") ? watch(request) : list(request)
        case .post:
            return try await create(request)
        case .delete:
            return try await deleteCollection(request)
        default:
            throw StatusError.methodNotAllowed()
        }
    }

    func respond(_ request: ObjectRequest) async throws -> Response {
        if request.subresource == "log", request.key.type == .pod {
            guard request.request.method == .get else { throw StatusError.methodNotAllowed() }
            return try await podLog(request)
        }
        if request.subresource == "token", request.key.type == .serviceAccount { return try await issueToken(request) }
        if request.subresource == "eviction", request.key.type == .pod { return try await evict(request) }
        let part = try subresource(request)
        if part == .ephemeralContainers, streams == nil, request.request.method != .get {
            throw Self.outOfReach(part.rawValue)
        }
        switch request.request.method {
        case .get, .head:
            if part == .none, try request.query.flag("watch") { return try await watch(request) }
            return try await get(request, part)
        case .put:
            return try await replace(request, part)
        case .patch:
            return try await patch(request, part)
        case .delete where part == .none:
            return try await delete(request)
        default:
            throw StatusError.methodNotAllowed()
        }
    }

    func rendering(_ request: CollectionRequest) throws(StatusError) -> ObjectRendering {
        try rendering(request.shape(), request.form, request.query)
    }

    func rendering(_ request: ObjectRequest) throws(StatusError) -> ObjectRendering {
        try rendering(request.shape(), request.form, request.query)
    }

    func rendering(
        _ shape: ResponseShape, _ form: ServedForm, _ query: QueryParameters
    ) throws(StatusError) -> ObjectRendering {
        try ObjectRendering(shape: shape, form: form, query: query, tables: tables, now: WallClock.now().seconds)
    }

    private func subresource(_ request: ObjectRequest) throws(StatusError) -> Subresource {
        guard let part = Subresource(rawValue: request.subresource) else { throw .unknownPath() }
        guard part == .none || ServedResource(request.form.type).parts.contains(where: { $0.name == part.rawValue })
        else { throw .unknownPath() }
        return part
    }

    private func list(_ request: CollectionRequest) async throws -> Response {
        let rendering = try rendering(request)
        let selection = try request.query.selection(of: request.form)
        let options = try ListOptions(request.query)
        let page: ListPage
        do {
            page = try await store.page(
                request.type, namespace: request.namespace, labels: selection.labels, fields: selection.fields,
                limit: options.limit, after: options.cursor, at: options.version)
        } catch let error as StatusError where error.reason == .expired && options.cursor != nil {
            throw StatusError.expired(
                "The provided continue parameter is too old to display a consistent list result. You must start a new list "
                    + "without the continue parameter.")
        }
        var list = rendering.list(page.items, resourceVersion: page.resourceVersion)
        if let next = page.next {
            list[path: "metadata", "continue"] = .string(ContinueToken.text(next))
            list[path: "metadata", "remainingItemCount"] = page.remaining.map { .integer(Int64($0)) }
        }
        return .json(list)
    }

    private func get(_ request: ObjectRequest, _ part: Subresource) async throws -> Response {
        let rendering = try rendering(request)
        let resource = try await store.get(request.key)
        if part == .scale { return .json(try Scale.of(request.form.served(resource))) }
        return .json(rendering.value(resource))
    }
}
