import Hummingbird
import JSON
import Linux
import ResourceStore
import Resources

extension KubernetesRoutes {
    private static let applyAttempts = 5

    /// A PATCH of `application/apply-patch+yaml`: creates the object when it is missing.
    func apply(
        _ request: ObjectRequest, _ document: RequestDocument, _ part: Subresource, _ rendering: ObjectRendering,
        _ dryRun: Bool, _ validation: FieldValidation
    ) async throws -> Response {
        guard let manager = request.query.text("fieldManager") else {
            throw StatusError(
                code: 422, reason: .invalid,
                message:
                    "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
            )
        }
        guard part == .none else {
            throw StatusError(
                code: 415, reason: .unsupportedMediaType,
                message: "server-side apply works on whole objects here; use a merge patch for \(part.rawValue)")
        }
        let apply = ServerSideApply(
            manager: manager, force: try request.query.flag("force"),
            time: RFC3339.format(seconds: rendering.now))
        var applied = try document.yaml()
        if applied[path: "metadata", "name"] == nil { applied[path: "metadata", "name"] = .string(request.key.name) }
        if let own = applied[path: "metadata", "name"]?.stringValue, own != request.key.name {
            throw StatusError.badRequest(
                "the name of the object (\(own)) does not match the name on the URL (\(request.key.name))")
        }
        for attempt in 1... {
            let old = try await store.find(request.key)
            let served = ResourceKey(type: request.form.type, namespace: request.key.namespace, name: request.key.name)
            let merged = try apply.merge(applied, into: old.map(request.form.served), key: served)
            do {
                guard let old else {
                    try checkNotTerminating(request.key.type)
                    let (resource, warnings) = try Admission.create(
                        merged, in: request.form, namespace: request.key.namespace, validation: validation)
                    try await admit(nil, resource, request.user)
                    let created = try await store.create(resource, dryRun: dryRun)
                    return try answer(created, part, rendering, warnings, status: .created)
                }
                let (resource, warnings) = try Admission.update(
                    merged, in: request.form, old: old, validation: validation)
                try await admit(old, resource, request.user)
                let stored = try await store.replace(resource, dryRun: dryRun)
                return try answer(stored, part, rendering, warnings)
            } catch let error as StatusError
                where [.conflict, .alreadyExists].contains(error.reason) && attempt < Self.applyAttempts
            {
                guard applied[path: "metadata", "resourceVersion"] == nil else { throw error }
            }
        }
        throw StatusError.conflict(request.key)
    }
}
