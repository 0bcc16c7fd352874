import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources

extension KubernetesRoutes {
    /// How often a patch is tried again when somebody else writes the object in between.
    private static let patchAttempts = 5

    func create(_ request: CollectionRequest) async throws -> Response {
        guard request.namespace != nil || !request.type.namespaced else { throw StatusError.methodNotAllowed() }
        let rendering = try rendering(request.shape(), request.query)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let document = try await RequestDocument(request.request).object()
        let (resource, warnings) = try Admission.create(
            document, type: request.type, namespace: request.namespace, validation: validation)
        try admitWrite?(nil, resource)
        let created = try await store.create(resource, dryRun: dryRun)
        return Response.json(rendering.value(created), status: .created).with(warnings: warnings)
    }

    func replace(_ request: ObjectRequest, _ part: Subresource) async throws -> Response {
        let rendering = try rendering(request.shape(), request.query)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let document = try await RequestDocument(request.request).object()
        let old = try await store.get(request.key)
        let (resource, warnings) = try Admission.update(
            document, old: old, subresource: part, validation: validation)
        try admitWrite?(old, resource)
        let stored = try await store.replace(resource, subresource: part, dryRun: dryRun)
        return try answer(stored, part, rendering, warnings)
    }

    func patch(_ request: ObjectRequest, _ part: Subresource) async throws -> Response {
        let rendering = try rendering(request.shape(), request.query)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let document = try await RequestDocument(request.request)
        if document.mediaType == ServerSideApply.mediaType {
            return try await apply(request, document, part, rendering, dryRun, validation)
        }
        guard let kind = Patch.Kind.allCases.first(where: { $0.mediaType == document.mediaType }) else {
            throw RequestDocument.unsupported(
                document.mediaType, accepted: Patch.Kind.allCases.map(\.mediaType) + [ServerSideApply.mediaType])
        }
        let patch = try document.json()
        for attempt in 1... {
            let old = try await store.get(request.key)
            let base = part == .scale ? Resource(value: try Scale.of(old), type: old.type) : old
            let patched = try Patch.apply(kind, patch: patch, to: base)
            let (resource, warnings) = try Admission.update(
                patched, old: old, subresource: part, validation: validation)
            try admitWrite?(old, resource)
            do {
                let stored = try await store.replace(resource, subresource: part, dryRun: dryRun)
                return try answer(stored, part, rendering, warnings)
            } catch let error as StatusError where error.reason == .conflict {
                // A version that the client itself named stays a conflict; the one we read may be stale.
                let ours = patched[path: "metadata", "resourceVersion"]?.stringValue == old.resourceVersion
                guard ours, attempt < Self.patchAttempts else { throw error }
            }
        }
        throw StatusError.conflict(request.key)
    }

    func answer(
        _ stored: Resource, _ part: Subresource, _ rendering: ObjectRendering, _ warnings: [String],
        status: HTTPResponse.Status = .ok
    ) throws(StatusError) -> Response {
        let value = part == .scale ? try Scale.of(stored) : rendering.value(stored)
        return Response.json(value, status: status).with(warnings: warnings)
    }
}

extension Response {
    /// Adds `Warning` headers, which kubectl prints.
    func with(warnings: [String]) -> Response {
        guard !warnings.isEmpty, let name = HTTPField.Name("Warning") else { return self }
        var response = self
        for warning in warnings {
            let quoted = warning.map { character -> String in
                switch character {
                case "\"": "\\\""
                case "\\": "\\\\"
                case "\n", "\r": " "
                default: String(character)
                }
            }.joined()
            response.headers.append(HTTPField(name: name, value: "299 - \"\(quoted)\""))
        }
        return response
    }
}
