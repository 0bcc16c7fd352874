import HTTPServing
import Hummingbird
import JSON
import ResourceStore
import Resources

extension KubernetesRoutes {
    /// Whose last state answers their deletion, as kube-apiserver does; typed clients decode it. Others get a Status.
    private static let answeringWithObject: Set<String> = [
        "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts",
        "services", "storageclasses.storage.k8s.io",
    ]

    func delete(_ request: ObjectRequest) async throws -> Response {
        let rendering = try rendering(request)
        let options = try await deleteOptions(request.request, request.query)
        try await admit(try await store.get(request.key), nil, request.user)
        let outcome = try await store.delete(request.key, options)
        switch outcome {
        case .marked(let resource):
            return .json(rendering.value(resource))
        case .deleted(let resource) where Self.answeringWithObject.contains(request.key.type.qualifiedName):
            return .json(rendering.value(resource))
        case .deleted(let resource):
            return .json(Self.success(resource))
        }
    }

    func deleteCollection(_ request: CollectionRequest) async throws -> Response {
        guard request.type != .namespace, request.namespace != nil || !request.type.namespaced else {
            throw StatusError.methodNotAllowed()
        }
        let rendering = try rendering(request)
        let selection = try request.query.selection(of: request.form)
        let options = try await deleteOptions(request.request, request.query)
        let list = try await store.list(
            request.type, namespace: request.namespace, labels: selection.labels, fields: selection.fields)
        var deleted: [Resource] = []
        for resource in list.items {
            try await admit(resource, nil, request.user)
            do {
                deleted.append(try await store.delete(resource.key, options).resource)
            } catch let error as StatusError where error.reason == .notFound {
                continue
            }
        }
        return .json(rendering.list(deleted, resourceVersion: list.resourceVersion))
    }

    /// kubectl takes the uid from here to wait until the object is gone.
    private static func success(_ resource: Resource) -> JSONValue {
        var details: JSONValue = [
            "name": .string(resource.name), "kind": .string(resource.type.plural), "uid": .string(resource.uid),
        ]
        if !resource.type.group.isEmpty { details["group"] = .string(resource.type.group) }
        return ["kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details]
    }

    /// From the body when there is one, else from the query.
    private func deleteOptions(_ request: Request, _ query: QueryParameters) async throws -> DeleteOptions {
        let document = try await RequestDocument(request)
        var options = try document.bytes.isEmpty ? DeleteOptions() : deleteOptions(try document.object())
        if let seconds = try query.integer("gracePeriodSeconds") { options.gracePeriodSeconds = seconds }
        if let text = query.text("propagationPolicy") { options.propagation = try propagation(text, orphan: nil) }
        if try query.dryRun() { options.dryRun = true }
        try check(options)
        return options
    }

    /// From a `DeleteOptions` document.
    func deleteOptions(_ body: JSONValue) throws(StatusError) -> DeleteOptions {
        var options = DeleteOptions()
        options.gracePeriodSeconds = body["gracePeriodSeconds"]?.intValue
        options.propagation = try propagation(
            body["propagationPolicy"]?.stringValue, orphan: body["orphanDependents"]?.boolValue)
        options.uid = body[path: "preconditions", "uid"]?.stringValue
        options.resourceVersion = body[path: "preconditions", "resourceVersion"]?.stringValue
        options.dryRun = body["dryRun"]?.arrayValue?.isEmpty == false
        try check(options)
        return options
    }

    private func check(_ options: DeleteOptions) throws(StatusError) {
        guard let seconds = options.gracePeriodSeconds, seconds < 0 else { return }
        throw .badRequest("gracePeriodSeconds: Invalid value: \(seconds): must not be negative")
    }

    private func propagation(_ text: String?, orphan: Bool?) throws(StatusError) -> DeleteOptions.Propagation? {
        guard let text, !text.isEmpty else { return orphan.map { $0 ? .orphan : .background } }
        guard let propagation = DeleteOptions.Propagation(rawValue: text) else {
            let fault =
                "Unsupported value: \"\(text)\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            throw StatusError(
                code: 422, reason: .invalid,
                message: "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: \(fault)",
                details: .init(
                    group: "meta.k8s.io", kind: "DeleteOptions",
                    causes: [.init(reason: "FieldValueNotSupported", message: fault, field: "propagationPolicy")]))
        }
        return propagation
    }
}
