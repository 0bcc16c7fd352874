import Access
import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources

extension KubernetesRoutes {
    /// How often a write is tried again when somebody else writes the object in between.
    static let patchAttempts = 5

    func create(_ request: CollectionRequest) async throws -> Response {
        guard request.namespace != nil || !request.type.namespaced else { throw StatusError.methodNotAllowed() }
        try checkNotTerminating(request.type)
        let rendering = try rendering(request)
        let dryRun = try request.query.dryRun()
        let validation = try request.query.fieldValidation()
        let writer = try WriteOptions.create.writer(request.request, request.query, now: rendering.now)
        let document = try await RequestDocument(request.request).object()
        var (resource, warnings) = try Admission.create(
            document, in: request.form, namespace: request.namespace, validation: validation)
        resource = writer.update(resource, old: nil, in: request.form)
        try await admit(nil, resource, request.user)
        let created = try await store.create(resource, dryRun: dryRun)
        let advice = try await advice(nil, resource)
        return Response.json(rendering.value(created), status: .created).with(warnings: warnings + advice)
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

    /// What else the writer of an object should know of it: what its namespace thinks of new containers, and what has no effect.
    func advice(_ old: Resource?, _ new: Resource, _ part: Subresource = .none) async throws -> [String] {
        guard part == .none || part == .ephemeralContainers else { return [] }
        let hasNewContainers = old == nil || part == .ephemeralContainers
        return (hasNewContainers ? try await policyWarnings(new) : [])
            + Ineffective.warnings(of: new, replacing: old, at: place)
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
        let writer = try WriteOptions.update.writer(request.request, request.query, part, now: rendering.now)
        let document = try await RequestDocument(request.request).object()
        let write = ObjectWrite(request: request, part: part, writer: writer, dryRun: dryRun)
        for attempt in 1... {
            let old = try await store.get(request.key)
            let (resource, warnings) = try Admission.update(
                document, in: request.form, old: old, subresource: part, validation: validation)
            if let stored = try await put(resource, over: old, write, isLast: attempt == Self.patchAttempts) {
                return try await answer(stored, part, rendering, warnings + advice(old, resource, part))
            }
        }
        throw StatusError.conflict(request.key)
    }

    /// Stores the new state of an object with its owners.
    ///
    /// - Returns: nil when somebody else wrote it in between, and the client named no version of its own.
    private func put(
        _ resource: Resource, over old: Resource, _ write: ObjectWrite, isLast: Bool
    ) async throws -> Resource? {
        var new = resource
        let isOpen = ["", "0", old.resourceVersion].contains(new.resourceVersion)
        // The owners were computed from this state, so only this one may be replaced.
        if isOpen { new.resourceVersion = old.resourceVersion }
        new = write.writer.update(new, old: old, in: write.request.form)
        try await admit(old, new, write.request.user)
        do {
            return try await store.replace(new, subresource: write.part, takesOwners: true, dryRun: write.dryRun)
        } catch let error as StatusError where error.reason == .conflict && isOpen && !isLast {
            return nil
        }
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
        let writer = try WriteOptions.patch.writer(request.request, request.query, part, now: rendering.now)
        let patch = try document.json()
        let write = ObjectWrite(request: request, part: part, writer: writer, dryRun: dryRun)
        for attempt in 1... {
            let old = try await store.get(request.key)
            let base =
                part == .scale
                ? Resource(value: try Scale.of(request.form.served(old)), type: old.type) : request.form.served(old)
            let patched = try Patch.apply(kind, patch: patch, to: base)
            let (resource, warnings) = try Admission.update(
                patched, in: request.form, old: old, subresource: part, validation: validation)
            // A version that the client itself named stays a conflict; the one we read may be stale.
            if let stored = try await put(resource, over: old, write, isLast: attempt == Self.patchAttempts) {
                return try await answer(stored, part, rendering, warnings + advice(old, resource, part))
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

/// What a replacement or patch is about.
private struct ObjectWrite {
    let request: ObjectRequest
    let part: Subresource
    let writer: FieldWriter
    let dryRun: Bool
}

extension Response {
    /// As kube-apiserver: clients take only so many headers, and so long ones.
    private static let (longestWarning, allWarnings) = (256, 4096)

    /// Adds `Warning` headers, which kubectl prints; each text once, and cut where they become too long.
    func with(warnings: [String]) -> Response {
        guard !warnings.isEmpty, let name = HTTPField.Name("Warning") else { return self }
        var response = self
        var (seen, room) = (Set<String>(), Self.allWarnings)
        let isMuch = warnings.reduce(0) { $0 + $1.utf8.count } > Self.allWarnings
        for warning in warnings where seen.insert(warning).inserted {
            let text = isMuch ? String(warning.prefix(Self.longestWarning)) : warning
            room -= text.utf8.count
            guard room >= 0 else { break }
            response.headers.append(HTTPField(name: name, value: "299 - \"\(Self.quoted(text))\""))
        }
        return response
    }

    private static func quoted(_ text: String) -> String {
        text.map { character -> String in
            switch character {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n", "\r": " "
            default: String(character)
            }
        }.joined()
    }
}
