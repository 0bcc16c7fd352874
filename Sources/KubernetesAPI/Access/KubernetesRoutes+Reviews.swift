import Access
import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import Resources

/// A document posted to a review's path.
struct ReviewRequest {
    let request: Request
    let kind: RequestKind
    let namespace: String?
    let user: User
}

extension KubernetesRoutes {
    /// Answers a review: the document with its status. Nothing is stored.
    func respond(_ review: ReviewRequest) async throws -> Response {
        guard review.request.method == .post else { throw StatusError.methodNotAllowed() }
        var document = try review.kind.checked(try await RequestDocument(review.request).object())
        let status: JSONValue
        switch review.kind.type.kind {
        case "SelfSubjectReview": status = ["userInfo": review.user.review]
        case "TokenReview": status = try await tokenReview(document["spec"] ?? [:])
        case "SelfSubjectRulesReview": status = try await rulesReview(document["spec"] ?? [:], review.user)
        case "SelfSubjectAccessReview":
            status = try await accessReview(document["spec"] ?? [:], review.user, review.kind)
        default:
            let subject = try subject(of: document["spec"] ?? [:], review)
            status = try await accessReview(document["spec"] ?? [:], subject, review.kind)
        }
        document["status"] = status
        return .json(document, status: .created)
    }

    // MARK: Access

    private func accessReview(_ spec: JSONValue, _ user: User, _ kind: RequestKind) async throws -> JSONValue {
        let target = try Self.target(of: spec, kind)
        let decision = try await access.authorizer.decide(
            AccessRequest(user: user, verb: target.verb, target: target.target))
        var status: JSONValue = ["allowed": .bool(decision.isAllowed)]
        if !decision.reason.isEmpty { status["reason"] = .string(decision.reason) }
        return status
    }

    private static func target(
        of spec: JSONValue, _ kind: RequestKind
    ) throws(StatusError) -> (verb: String, target: AccessRequest.Target) {
        let resource = spec["resourceAttributes"].flatMap { $0.isNull ? nil : $0 }
        let path = spec["nonResourceAttributes"].flatMap { $0.isNull ? nil : $0 }
        switch (resource, path) {
        case (let resource?, nil):
            func text(_ name: String) -> String { resource[name]?.stringValue ?? "" }
            return (
                text("verb"),
                .resource(
                    AccessRequest.ResourceTarget(
                        group: text("group"), version: text("version"), resource: text("resource"),
                        subresource: text("subresource"), namespace: text("namespace"), name: text("name")))
            )
        case (nil, let path?):
            return (path["verb"]?.stringValue ?? "", .path(path["path"]?.stringValue ?? ""))
        default:
            throw StatusError.invalid(
                kind.type, name: "",
                causes: [
                    StatusError.Cause(
                        reason: "FieldValueInvalid",
                        message: "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must "
                            + "be specified", field: "spec.resourceAttributes")
                ])
        }
    }

    private func subject(of spec: JSONValue, _ review: ReviewRequest) throws(StatusError) -> User {
        let name = spec["user"]?.stringValue ?? ""
        let groups = spec.texts("groups")
        guard !name.isEmpty || !groups.isEmpty else {
            throw StatusError.invalid(
                review.kind.type, name: "",
                causes: [
                    StatusError.Cause(
                        reason: "FieldValueInvalid",
                        message: "Invalid value: \"\": at least one of user or group must be specified",
                        field: "spec.user")
                ])
        }
        if let namespace = review.namespace {
            let asked = spec[path: "resourceAttributes", "namespace"]?.stringValue ?? ""
            guard asked == namespace else {
                throw .badRequest("spec.resourceAttributes.namespace must match namespace: \(namespace)")
            }
        }
        return User(name: name, uid: spec["uid"]?.stringValue ?? "", groups: groups)
    }

    private func rulesReview(_ spec: JSONValue, _ user: User) async throws -> JSONValue {
        guard let namespace = spec["namespace"]?.stringValue, !namespace.isEmpty else {
            throw StatusError.badRequest("no namespace on request")
        }
        let (rules, faults) = try await access.authorizer.rules(of: user, in: namespace)
        var status: JSONValue = [
            "resourceRules": .array(rules.filter(\.nonResourceURLs.isEmpty).map(\.value)),
            "nonResourceRules": .array(rules.filter { !$0.nonResourceURLs.isEmpty }.map(\.value)),
            "incomplete": .bool(!faults.isEmpty),
        ]
        if !faults.isEmpty { status["evaluationError"] = .string(faults.joined(separator: ", ")) }
        return status
    }

    // MARK: Tokens

    private func tokenReview(_ spec: JSONValue) async throws -> JSONValue {
        guard let token = spec["token"]?.stringValue, !token.isEmpty else {
            throw StatusError.badRequest("token is required for TokenReview in authentication")
        }
        var audiences = spec.texts("audiences")
        if audiences.isEmpty { audiences = [ServiceAccountTokens.audience] }
        guard let holder = try await access.tokens.holder(of: token, audiences: audiences) else {
            return ["authenticated": false, "error": "invalid bearer token"]
        }
        return [
            "authenticated": true, "user": holder.user.review, "audiences": .strings(holder.audiences),
        ]
    }

    /// `serviceaccounts/NAME/token`.
    func issueToken(_ request: ObjectRequest) async throws -> Response {
        guard request.request.method == .post else { throw StatusError.methodNotAllowed() }
        let document = try RequestKind.tokenRequest.checked(try await RequestDocument(request.request).object())
        let account = ServiceAccountName(namespace: request.key.namespace ?? "", name: request.key.name)
        return .json(try await access.tokens.issue(document, for: account), status: .created)
    }
}

extension JSONValue {
    fileprivate func texts(_ member: String) -> [String] { self[member]?.arrayValue?.compactMap(\.stringValue) ?? [] }
}
