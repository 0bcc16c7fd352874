import Access
import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Linux
import Resources

/// What the audit log keeps of one request: `audit.k8s.io/v1`, level `Metadata`.
struct AuditRecord {
    private let request: Request
    private let context: ServingContext
    private let attributes: RequestAttributes
    private let received = WallClock.now()
    var impersonated: User?
    var decision: RoleAuthorizer.Decision?

    init(_ request: Request, _ context: ServingContext, _ attributes: RequestAttributes) {
        self.request = request
        self.context = context
        self.attributes = attributes
    }

    /// Reads that were allowed are left out: clients read without end, and flash wears.
    fileprivate func isKept(code: Int) -> Bool {
        if decision?.isAllowed != true { return true }
        guard case .resource(let target) = attributes.target else { return !["get", "head"].contains(attributes.verb) }
        // Asking what one may do changes nothing.
        let isQuestion = target.group.hasPrefix("authorization.") || target.resource.hasSuffix("reviews")
        return !isQuestion && !["get", "list", "watch"].contains(attributes.verb)
    }

    func value(code: Int) -> JSONValue {
        var value: JSONValue = [
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
            "requestURI": .string(request.uri.description), "verb": .string(attributes.verb),
            "user": User(context.caller).review, "responseStatus": ["code": .integer(Int64(code))],
            "requestReceivedTimestamp": .string(Self.time(received)),
            "stageTimestamp": .string(Self.time(WallClock.now())),
            "sourceIPs": .array([.string(Self.source(context))]),
        ]
        if let impersonated { value["impersonatedUser"] = impersonated.review }
        if let agent = request.headers[.userAgent] { value["userAgent"] = .string(agent) }
        if case .resource(let target) = attributes.target { value["objectRef"] = Self.reference(target) }
        if let decision {
            value["annotations"] = [
                "authorization.k8s.io/decision": decision.isAllowed ? "allow" : "forbid",
                "authorization.k8s.io/reason": .string(decision.reason),
            ]
        }
        return value
    }

    /// The caller's address; `@` is the unix socket, as Linux writes one without a name.
    static func source(_ context: ServingContext) -> String { context.channel.remoteAddress?.ipAddress ?? "@" }

    private static func reference(_ target: AccessRequest.ResourceTarget) -> JSONValue {
        var value: JSONValue = ["resource": .string(target.resource), "apiVersion": .string(target.version)]
        let fields = [
            ("namespace", target.namespace), ("name", target.name), ("apiGroup", target.group),
            ("subresource", target.subresource),
        ]
        for (name, text) in fields where !text.isEmpty { value[name] = .string(text) }
        return value
    }

    private static func time(_ moment: (seconds: Int64, nanoseconds: Int32)) -> String {
        RFC3339.format(seconds: moment.seconds, nanoseconds: moment.nanoseconds, digits: 6)
    }
}

extension AuditLog {
    func append(_ record: AuditRecord, _ response: Response) {
        guard record.isKept(code: response.status.code) else { return }
        append(record.value(code: response.status.code))
    }
}

extension User {
    /// As reviews and the audit log write a user.
    var review: JSONValue {
        var value: JSONValue = ["username": .string(name)]
        if !uid.isEmpty { value["uid"] = .string(uid) }
        if !groups.isEmpty { value["groups"] = .strings(groups) }
        if !extra.isEmpty { value["extra"] = .object(extra.mapValues { .strings($0) }) }
        return value
    }
}
