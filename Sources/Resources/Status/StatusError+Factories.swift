/// The failures of a Kubernetes API in the words of the real one: scripts search for them.
extension StatusError {
    private static func details(_ key: ResourceKey, causes: [Cause] = []) -> Details {
        Details(name: key.name, group: key.type.group, kind: key.type.plural, causes: causes)
    }

    /// 404: `pods "x" not found`.
    public static func notFound(_ key: ResourceKey) -> StatusError {
        StatusError(
            code: 404, reason: .notFound, message: "\(key.type.qualifiedName) \"\(key.name)\" not found",
            details: details(key))
    }

    /// 404 for a path that means nothing here.
    public static func unknownPath() -> StatusError {
        StatusError(
            code: 404, reason: .notFound, message: "the server could not find the requested resource",
            details: Details())
    }

    /// 409: `pods "x" already exists`.
    public static func alreadyExists(_ key: ResourceKey) -> StatusError {
        StatusError(
            code: 409, reason: .alreadyExists, message: "\(key.type.qualifiedName) \"\(key.name)\" already exists",
            details: details(key))
    }

    /// 409: somebody else wrote the object meanwhile, or `message` says what else stands against it.
    public static func conflict(_ key: ResourceKey, _ message: String? = nil) -> StatusError {
        let why =
            message
            ?? "the object has been modified; please apply your changes to the latest version and try again"
        return StatusError(
            code: 409, reason: .conflict,
            message: "Operation cannot be fulfilled on \(key.type.qualifiedName) \"\(key.name)\": \(why)",
            details: details(key))
    }

    /// 422: `Deployment.apps "x" is invalid: spec.…: Required value`; several causes stand in `[a, b]`.
    public static func invalid(_ type: ResourceType, name: String, causes: [Cause]) -> StatusError {
        let texts = causes.map { $0.field.isEmpty ? $0.message : "\($0.field): \($0.message)" }
        let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        return StatusError(
            code: 422, reason: .invalid, message: "\(type.qualifiedKind) \"\(name)\" is invalid: \(list)",
            details: Details(name: name, group: type.group, kind: type.kind, causes: causes))
    }

    /// 400.
    public static func badRequest(_ message: String) -> StatusError {
        StatusError(code: 400, reason: .badRequest, message: message)
    }

    /// 410: the watch or list must start anew.
    public static func expired(requested: String, oldest: String) -> StatusError {
        StatusError(
            code: 410, reason: .expired, message: "too old resource version: \(requested) (\(oldest))")
    }

    /// 410 with a message.
    public static func expired(_ message: String) -> StatusError {
        StatusError(code: 410, reason: .expired, message: message)
    }

    /// 401.
    public static func unauthorized(_ message: String = "Unauthorized") -> StatusError {
        StatusError(code: 401, reason: .unauthorized, message: message)
    }

    /// 403: `pods "x" is forbidden: …`.
    public static func forbidden(_ key: ResourceKey, _ why: String) -> StatusError {
        StatusError(
            code: 403, reason: .forbidden,
            message: "\(key.type.qualifiedName) \"\(key.name)\" is forbidden: \(why)", details: details(key))
    }

    /// 403: nothing new in a namespace that goes away.
    public static func namespaceTerminating(_ key: ResourceKey) -> StatusError {
        let namespace = key.namespace ?? ""
        var error = forbidden(
            key, "unable to create new content in namespace \(namespace) because it is being terminated")
        error.details?.causes = [
            Cause(
                reason: "NamespaceTerminating", message: "namespace \(namespace) is being terminated",
                field: "metadata.namespace")
        ]
        return error
    }

    /// 405.
    public static func methodNotAllowed(
        _ message: String = "the server does not allow this method on the requested resource"
    ) -> StatusError {
        StatusError(code: 405, reason: .methodNotAllowed, message: message, details: Details())
    }

    /// 415.
    public static func unsupportedMediaType(accepted: [String]) -> StatusError {
        StatusError(
            code: 415, reason: .unsupportedMediaType,
            message: "the body of the request was in an unknown format - accepted media types include: "
                + accepted.joined(separator: ", "))
    }

    /// 406.
    public static func notAcceptable(accepted: [String]) -> StatusError {
        StatusError(
            code: 406, reason: .notAcceptable,
            message: "only the following media types are accepted: \(accepted.joined(separator: ", "))")
    }

    /// 413.
    public static func tooLarge(limit: Int) -> StatusError {
        StatusError(
            code: 413, reason: .requestEntityTooLarge, message: "Request entity too large: limit is \(limit)")
    }

    /// 429.
    public static func tooManyRequests(_ message: String, retryAfterSeconds: Int = 1) -> StatusError {
        StatusError(
            code: 429, reason: .tooManyRequests, message: message,
            details: Details(retryAfterSeconds: retryAfterSeconds))
    }

    /// 500.
    public static func internalError(_ message: String) -> StatusError {
        StatusError(
            code: 500, reason: .internalError, message: "Internal error occurred: \(message)",
            details: Details(causes: [Cause(reason: "", message: message, field: "")]))
    }

    /// 504.
    public static func timeout(_ message: String) -> StatusError {
        StatusError(code: 504, reason: .timeout, message: message)
    }

    /// 503.
    public static func serviceUnavailable(_ message: String) -> StatusError {
        StatusError(code: 503, reason: .serviceUnavailable, message: message)
    }
}
