import Access
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
        try checkNotTerminating(request.type)
        let rendering = try rendering(request)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let document = try await RequestDocument(request.request).object()
        let (resource, warnings) = try Admission.create(
            document, in: request.form, namespace: request.namespace, validation: validation)
        try await admit(nil, resource, request.user)
        let created = try await store.create(resource, dryRun: dryRun)
        let more = try await policyWarnings(resource)
        return Response.json(rendering.value(created), status: .created).with(warnings: warnings + more)
    }

    /// Nothing new of a kind whose definition goes away.
    func checkNotTerminating(_ type: ResourceType) throws(StatusError) {
        guard type.custom?.isTerminating == true else { return }
        throw .methodNotAllowed("create not allowed while custom resource definition is terminating")
    }

    /// What else may refuse a write: where the object comes from, and what its writer may give away.
    func admit(_ old: Resource?, _ new: Resource?, _ user: User) async throws {
        try admitWrite?(old, new)
        if let new { try await access.authorizer.checkEscalation(by: user, old: old, new: new) }
    }

    /// What the namespace has to say of pods, without refusing them.
    private func policyWarnings(_ resource: Resource) async throws -> [String] {
        guard let namespace = resource.namespace else { return [] }
        let key = ResourceKey(type: .namespace, namespace: nil, name: namespace)
        let labels = try await store.find(key)?.labels ?? [:]
        return PodSecurity.warning(for: resource, labels: labels).map { [$0] } ?? []
    }

    func replace(_ request: ObjectRequest, _ part: Subresource) async throws -> Response {
        let rendering = try rendering(request)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let document = try await RequestDocument(request.request).object()
        let old = try await store.get(request.key)
        let (resource, warnings) = try Admission.update(
            document, in: request.form, old: old, subresource: part, validation: validation)
        try await admit(old, resource, request.user)
        let stored = try await store.replace(resource, subresource: part, dryRun: dryRun)
        let more = part == .ephemeralContainers ? try await policyWarnings(resource) : []
        return try answer(stored, part, rendering, warnings + more)
    }

    func patch(_ request: ObjectRequest, _ part: Subresource) async throws -> Response {
        let rendering = try rendering(request)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let document = try await RequestDocument(request.request)
        if document.mediaType == ServerSideApply.mediaType {
            return try await apply(request, document, part, rendering, dryRun, validation)
        }
        // Nobody says how lists of custom objects are merged.
        let kinds = Patch.Kind.allCases.filter { request.key.type.custom == nil || $0 != .strategicMerge }
        guard let kind = kinds.first(where: { $0.mediaType == document.mediaType }) else {
            throw StatusError.unsupportedMediaType(accepted: kinds.map(\.mediaType) + [ServerSideApply.mediaType])
        }
        let patch = try document.json()
        for attempt in 1... {
            let old = try await store.get(request.key)
            let base =
                part == .scale
                ? Resource(value: try Scale.of(request.form.served(old)), type: old.type) : request.form.served(old)
            let patched = try Patch.apply(kind, patch: patch, to: base)
            let (resource, warnings) = try Admission.update(
                patched, in: request.form, old: old, subresource: part, validation: validation)
            try await admit(old, resource, request.user)
            do {
                let stored = try await store.replace(resource, subresource: part, dryRun: dryRun)
                let more = part == .ephemeralContainers ? try await policyWarnings(resource) : []
                return try answer(stored, part, rendering, warnings + more)
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
        let value = part == .scale ? try Scale.of(rendering.form.served(stored)) : rendering.value(stored)
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
