public import Access
public import HTTPServing
import HTTPTypes
public import Hummingbird
import JSON
import Linux
import Logging
import Resources

/// Lets through what roles allow, under the name that the caller takes on, and keeps the audit log.
public struct AccessGate: RequestGate {
    private let authorizer: RoleAuthorizer
    private let audit: AuditLog
    private let failures: FailedAuthentications

    /// - Parameter failures: counts who comes without valid credentials.
    public init(_ authorizer: RoleAuthorizer, audit: AuditLog, failures: FailedAuthentications) {
        self.authorizer = authorizer
        self.audit = audit
        self.failures = failures
    }

    public func respond(
        to request: Request, context: ServingContext,
        next: (Request, ServingContext) async throws -> Response
    ) async throws -> Response {
        let attributes = RequestAttributes(request)
        var record = AuditRecord(request, context, attributes)
        do {
            let user = try await actingUser(User(context.caller), request.headers)
            var context = context
            if user != User(context.caller) {
                record.impersonated = user
                context.caller = Caller(user)
            }
            let question = AccessRequest(user: user, verb: attributes.verb, target: attributes.target)
            let decision = try await authorizer.decide(question)
            record.decision = decision
            guard decision.isAllowed else { throw question.refusal(decision) }
            let response = try await next(request, context)
            audit.append(record, response)
            return response
        } catch let error as StatusError {
            let response = Response.status(error)
            audit.append(record, response)
            return response
        }
    }

    public func refused(_ request: Request, context: ServingContext) async {
        let hasCertificate = await context.clientCertificateSerial() != nil
        failures.note(from: AuditRecord.source(context)) {
            AuditRecord.failedAuthentication(request, context, hasCertificate: hasCertificate)
        }
    }

    // MARK: Impersonation

    /// Who the caller wants to be, when he may.
    private func actingUser(_ user: User, _ headers: HTTPFields) async throws -> User {
        guard let wanted = Impersonation(headers) else { return user }
        if wanted.user.isEmpty {
            throw StatusError.badRequest(
                "requested groups, a uid or extra fields for impersonation, without a user: name one in Impersonate-User"
            )
        }
        for target in wanted.targets {
            try await authorizer.check(AccessRequest(user: user, verb: "impersonate", target: .resource(target)))
        }
        return wanted.actingUser
    }
}

/// What the `Impersonate-` headers ask for.
private struct Impersonation {
    var user = ""
    var uid = ""
    var groups: [String] = []
    var extra: [String: [String]] = [:]

    private static let extraPrefix = "impersonate-extra-"

    /// nil without such headers.
    init?(_ headers: HTTPFields) {
        var isAsked = false
        for field in headers {
            let name = field.name.canonicalName
            guard name.hasPrefix("impersonate-") else { continue }
            isAsked = true
            switch name {
            case "impersonate-user": user = field.value
            case "impersonate-uid": uid = field.value
            case "impersonate-group": groups.append(field.value)
            case _ where name.hasPrefix(Self.extraPrefix):
                extra[PercentCoding.decode(name.dropFirst(Self.extraPrefix.count)), default: []].append(field.value)
            default: break
            }
        }
        if !isAsked { return nil }
    }

    /// What the verb `impersonate` is needed for.
    var targets: [AccessRequest.ResourceTarget] {
        var targets: [AccessRequest.ResourceTarget] = []
        if let account = ServiceAccountName(userName: user) {
            targets.append(
                .init(group: "", resource: "serviceaccounts", namespace: account.namespace, name: account.name))
        } else {
            targets.append(.init(group: "", resource: "users", name: user))
        }
        targets += groups.map { .init(group: "", resource: "groups", name: $0) }
        let group = "authentication.k8s.io"
        if !uid.isEmpty { targets.append(.init(group: group, resource: "uids", name: uid)) }
        for (key, values) in extra {
            targets += values.map { .init(group: group, resource: "userextras", subresource: key, name: $0) }
        }
        return targets
    }

    var actingUser: User {
        var all = groups
        if let account = ServiceAccountName(userName: user), groups.isEmpty { all = account.groups }
        if !all.contains(User.authenticatedGroup) { all.append(User.authenticatedGroup) }
        return User(name: user, uid: uid, groups: all, extra: extra)
    }
}

extension User {
    init(_ caller: Caller) {
        self.init(name: caller.name, uid: caller.uid, groups: caller.groups, extra: caller.extra)
    }
}

extension Caller {
    public init(_ user: User) {
        self.init(name: user.name, uid: user.uid, groups: user.groups, extra: user.extra)
    }
}
