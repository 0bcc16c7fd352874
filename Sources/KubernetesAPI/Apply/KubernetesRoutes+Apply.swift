import Access
import HTTPServing
import Hummingbird
import JSON
import ResourceStore
import Resources

/// Server-side apply over HTTP: a PATCH that states what its writer wants of an object.
enum ServerSideApply {
    static let mediaType = "application/apply-patch+yaml"
}

extension KubernetesRoutes {
    /// A PATCH of `application/apply-patch+yaml`: creates the object when it is missing.
    func apply(
        _ request: ObjectRequest, _ document: RequestDocument, _ part: Subresource, _ rendering: ObjectRendering,
        _ dryRun: Bool, _ validation: FieldValidation
    ) async throws -> Response {
        let force = try request.query.flag("force")
        let writer = try WriteOptions.apply.writer(request.request, request.query, part, now: rendering.now)
        let stated = try document.yaml()
        for attempt in 1... {
            do {
                guard let old = try await store.find(request.key) else {
                    guard part == .none else { throw StatusError.notFound(request.key) }
                    return try await createApplied(request, stated, writer, rendering, dryRun, validation)
                }
                let applied = try writer.apply(
                    stated, to: request.form.served(old), key: request.servedKey, force: force)
                try checkName(applied.document, request.key)
                var (resource, warnings) = try Admission.update(
                    part == .scale ? Scale.stated(by: applied.document, of: request.form.type) : applied.document,
                    in: request.form, old: old, subresource: part, validation: validation)
                resource.managedFields = applied.owners.value
                resource = resource.keepingTimes(of: old)
                try await admit(old, resource, request.user)
                let stored = try await store.replace(
                    resource, subresource: part, takesOwners: true, dryRun: dryRun)
                return try await answer(stored, part, rendering, warnings + advice(old, resource, part))
            } catch let error as StatusError
                where [.conflict, .alreadyExists].contains(error.reason) && attempt < Self.patchAttempts
            {
                // What the client itself demands stays a conflict; the object we read may be stale.
                let isFirm = stated[path: "metadata", "resourceVersion"] != nil
                guard !isFirm, error.details?.causes.isEmpty != false else { throw error }
            }
        }
        throw StatusError.conflict(request.key)
    }

    private func createApplied(
        _ request: ObjectRequest, _ stated: JSONValue, _ writer: FieldWriter, _ rendering: ObjectRendering,
        _ dryRun: Bool, _ validation: FieldValidation
    ) async throws -> Response {
        let key = request.key
        try checkNotTerminating(key.type)
        let applied = try writer.apply(stated, to: nil, key: request.servedKey, force: false)
        // The gate has asked for `patch`; to make an object takes more.
        let target = AccessRequest.ResourceTarget(
            group: request.form.type.group, version: request.form.type.version, resource: request.form.type.plural,
            namespace: key.namespace ?? "", name: key.name)
        try await access.authorizer.check(
            AccessRequest(user: request.user, verb: "create", target: .resource(target)))
        if let uid = stated[path: "metadata", "uid"]?.stringValue, !uid.isEmpty {
            throw StatusError.conflict(
                key, "uid mismatch: the provided object specified uid \(uid), and no existing object was found")
        }
        // There is no version of an object that does not exist.
        if stated[path: "metadata", "resourceVersion"]?.stringValue?.isEmpty == false {
            throw StatusError.conflict(key)
        }
        try checkName(applied.document, key)
        var (resource, warnings) = try Admission.create(
            applied.document, in: request.form, namespace: key.namespace, validation: validation)
        resource.managedFields = applied.owners.value
        try await admit(nil, resource, request.user)
        let created = try await store.create(resource, dryRun: dryRun)
        return try await answer(created, .none, rendering, warnings + advice(nil, resource), status: .created)
    }

    private func checkName(_ document: JSONValue, _ key: ResourceKey) throws(StatusError) {
        guard let name = document[path: "metadata", "name"]?.stringValue, !name.isEmpty else {
            throw .badRequest(
                "the name of the object (\(key.name) based on URL) was undeterminable: name must be provided")
        }
        guard name == key.name else {
            throw .badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(key.name))")
        }
    }
}
