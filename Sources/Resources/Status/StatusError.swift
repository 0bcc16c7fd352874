public import JSON

/// A failure as Kubernetes clients know it: an HTTP code and a `Status` object.
public struct StatusError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The word that clients and scripts look at.
    public struct Reason: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let notFound = Reason(rawValue: "NotFound")
        public static let alreadyExists = Reason(rawValue: "AlreadyExists")
        public static let conflict = Reason(rawValue: "Conflict")
        public static let invalid = Reason(rawValue: "Invalid")
        public static let badRequest = Reason(rawValue: "BadRequest")
        public static let expired = Reason(rawValue: "Expired")
        public static let unauthorized = Reason(rawValue: "Unauthorized")
        public static let forbidden = Reason(rawValue: "Forbidden")
        public static let methodNotAllowed = Reason(rawValue: "MethodNotAllowed")
        public static let unsupportedMediaType = Reason(rawValue: "UnsupportedMediaType")
        public static let notAcceptable = Reason(rawValue: "NotAcceptable")
        public static let requestEntityTooLarge = Reason(rawValue: "RequestEntityTooLarge")
        public static let tooManyRequests = Reason(rawValue: "TooManyRequests")
        public static let internalError = Reason(rawValue: "InternalError")
        public static let timeout = Reason(rawValue: "Timeout")
        public static let serviceUnavailable = Reason(rawValue: "ServiceUnavailable")
    }

    /// One of several faults of an object.
    public struct Cause: Sendable, Hashable {
        /// As `FieldValueRequired`.
        public var reason: String
        public var message: String
        /// As `spec.containers[0].image`.
        public var field: String

        public init(reason: String, message: String, field: String) {
            self.reason = reason
            self.message = message
            self.field = field
        }
    }

    /// The object that is meant. In `Invalid` errors `kind` is the kind, in others the plural resource name.
    public struct Details: Sendable, Hashable {
        public var name: String?
        public var group: String?
        public var kind: String?
        public var uid: String?
        public var causes: [Cause]
        public var retryAfterSeconds: Int?

        public init(
            name: String? = nil, group: String? = nil, kind: String? = nil, uid: String? = nil, causes: [Cause] = [],
            retryAfterSeconds: Int? = nil
        ) {
            self.name = name
            self.group = group?.isEmpty == true ? nil : group
            self.kind = kind
            self.uid = uid
            self.causes = causes
            self.retryAfterSeconds = retryAfterSeconds
        }
    }

    /// HTTP status code.
    public let code: Int
    public let reason: Reason
    public let message: String
    public var details: Details?

    public init(code: Int, reason: Reason, message: String, details: Details? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
    }

    public var description: String { message }

    /// The `Status` object that stands in the response.
    public var status: JSONValue {
        var value: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason.rawValue), "code": .integer(Int64(code)),
        ]
        if let details { value["details"] = details.value }
        return value
    }

    /// Reads a `Status` object; nil when `value` is none.
    public init?(status value: JSONValue) {
        guard value["kind"]?.stringValue == "Status" else { return nil }
        code = value["code"]?.intValue ?? 500
        reason = Reason(rawValue: value["reason"]?.stringValue ?? "")
        message = value["message"]?.stringValue ?? ""
        details = value["details"].map(Details.init(value:))
    }
}

extension StatusError.Details {
    init(value: JSONValue) {
        self.init(
            name: value["name"]?.stringValue, group: value["group"]?.stringValue, kind: value["kind"]?.stringValue,
            uid: value["uid"]?.stringValue,
            causes: (value["causes"]?.arrayValue ?? []).map {
                StatusError.Cause(
                    reason: $0["reason"]?.stringValue ?? "", message: $0["message"]?.stringValue ?? "",
                    field: $0["field"]?.stringValue ?? "")
            },
            retryAfterSeconds: value["retryAfterSeconds"]?.intValue)
    }

    var value: JSONValue {
        var value: JSONValue = [:]
        value["name"] = name.map { .string($0) }
        value["group"] = group.map { .string($0) }
        value["kind"] = kind.map { .string($0) }
        value["uid"] = uid.map { .string($0) }
        value["retryAfterSeconds"] = retryAfterSeconds.map { .integer(Int64($0)) }
        if !causes.isEmpty {
            value["causes"] = .array(
                causes.map {
                    ["reason": .string($0.reason), "message": .string($0.message), "field": .string($0.field)]
                })
        }
        return value
    }
}
