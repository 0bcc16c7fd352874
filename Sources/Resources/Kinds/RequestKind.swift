public import JSON

/// A kind of document that is sent, answered and never stored: reviews, tokens, evictions.
public struct RequestKind: Hashable, Sendable {
    public let type: ResourceType
    /// The part of an object that it is posted to, as `serviceaccounts/token`; nil for a collection of its own.
    public let parent: String?
    let schema: String

    private init(
        _ kind: String, _ plural: String, group: String, namespaced: Bool = false, parent: String? = nil, schema: String
    ) {
        type = ResourceType(group: group, kind, plural, namespaced: namespaced)
        self.parent = parent
        self.schema = schema
    }

    public static let tokenRequest = RequestKind(
        "TokenRequest", "token", group: authentication, namespaced: true, parent: "serviceaccounts",
        schema: """
            TokenRequest
              metadata 1 ObjectMeta
              spec 2 TokenRequestSpec!
              status 3 TokenRequestStatus
            TokenRequestSpec
              audiences 1 [string]! atomic
              expirationSeconds 4 int64?
              boundObjectRef 3 BoundObjectReference?
            TokenRequestStatus
              token 1 string!
              expirationTimestamp 2 time!
            BoundObjectReference
              kind 1 string
              apiVersion 2 string
              name 3 string
              uid 4 string
            """)

    public static let tokenReview = RequestKind(
        "TokenReview", "tokenreviews", group: authentication,
        schema: """
            TokenReview
              metadata 1 ObjectMeta
              spec 2 TokenReviewSpec!
              status 3 TokenReviewStatus
            TokenReviewSpec
              token 1 string
              audiences 2 [string] atomic
            TokenReviewStatus
              authenticated 1 bool
              user 2 UserInfo
              audiences 4 [string] atomic
              error 3 string
            UserInfo
              username 1 string
              uid 2 string
              groups 3 [string] atomic
              extra 4 {[string]}
            """)

    public static let selfSubjectReview = RequestKind(
        "SelfSubjectReview", "selfsubjectreviews", group: authentication,
        schema: """
            SelfSubjectReview
              metadata 1 ObjectMeta
              status 2 SelfSubjectReviewStatus
            SelfSubjectReviewStatus
              userInfo 1 UserInfo
            """)

    public static let selfSubjectAccessReview = RequestKind(
        "SelfSubjectAccessReview", "selfsubjectaccessreviews", group: authorization,
        schema: """
            SelfSubjectAccessReview
              metadata 1 ObjectMeta
              spec 2 SelfSubjectAccessReviewSpec!
              status 3 SubjectAccessReviewStatus
            SelfSubjectAccessReviewSpec
              resourceAttributes 1 ResourceAttributes?
              nonResourceAttributes 2 NonResourceAttributes?
            """)

    public static let subjectAccessReview = RequestKind(
        "SubjectAccessReview", "subjectaccessreviews", group: authorization, schema: subjectAccessReviewSchema)

    public static let localSubjectAccessReview = RequestKind(
        "LocalSubjectAccessReview", "localsubjectaccessreviews", group: authorization, namespaced: true,
        schema: """
            LocalSubjectAccessReview
              metadata 1 ObjectMeta
              spec 2 SubjectAccessReviewSpec!
              status 3 SubjectAccessReviewStatus
            """)

    public static let selfSubjectRulesReview = RequestKind(
        "SelfSubjectRulesReview", "selfsubjectrulesreviews", group: authorization,
        schema: """
            SelfSubjectRulesReview
              metadata 1 ObjectMeta
              spec 2 SelfSubjectRulesReviewSpec!
              status 3 SubjectRulesReviewStatus
            SelfSubjectRulesReviewSpec
              namespace 1 string
            SubjectRulesReviewStatus
              resourceRules 1 [ResourceRule]! atomic
              nonResourceRules 2 [NonResourceRule]! atomic
              incomplete 3 bool!
              evaluationError 4 string
            ResourceRule
              verbs 1 [string]! atomic
              apiGroups 2 [string] atomic
              resources 3 [string] atomic
              resourceNames 4 [string] atomic
            NonResourceRule
              verbs 1 [string]! atomic
              nonResourceURLs 2 [string] atomic
            """)

    public static let eviction = RequestKind(
        "Eviction", "eviction", group: "policy", namespaced: true, parent: "pods",
        schema: """
            Eviction
              metadata 1 ObjectMeta
              deleteOptions 2 DeleteOptions?
            """)

    /// Also read and written as a part of what has replicas (``Scale``).
    public static let scale = RequestKind(
        "Scale", "scale", group: "autoscaling", namespaced: true, parent: "deployments",
        schema: """
            Scale
              metadata 1 ObjectMeta
              spec 2 ScaleSpec
              status 3 ScaleStatus
            ScaleSpec
              replicas 1 int32
            ScaleStatus
              replicas 1 int32!
              selector 2 string
            """)

    public static let all: [RequestKind] = [
        .tokenRequest, .tokenReview, .selfSubjectReview, .selfSubjectAccessReview, .subjectAccessReview,
        .localSubjectAccessReview, .selfSubjectRulesReview, .eviction, .scale,
    ]

    /// Those with a path of their own.
    public static let reviews: [RequestKind] = all.filter { $0.parent == nil }

    static func of(apiVersion: String, kind: String) -> RequestKind? {
        all.first { $0.type.kind == kind && $0.type.apiVersion == apiVersion }
    }

    private static let authentication = "authentication.k8s.io"
    private static let authorization = "authorization.k8s.io"

    private static let subjectAccessReviewSchema = """
        SubjectAccessReview
          metadata 1 ObjectMeta
          spec 2 SubjectAccessReviewSpec!
          status 3 SubjectAccessReviewStatus
        SubjectAccessReviewSpec
          resourceAttributes 1 ResourceAttributes?
          nonResourceAttributes 2 NonResourceAttributes?
          user 3 string
          groups 4 [string] atomic
          extra 5 {[string]}
          uid 6 string
        SubjectAccessReviewStatus
          allowed 1 bool!
          denied 4 bool
          reason 2 string
          evaluationError 3 string
        ResourceAttributes
          namespace 1 string
          verb 2 string
          group 3 string
          version 4 string
          resource 5 string
          subresource 6 string
          name 7 string
        NonResourceAttributes
          path 1 string
          verb 2 string
        """
}

extension RequestKind {
    /// A document of this kind with the right types in its fields; unknown fields are left out.
    ///
    /// - Throws: bad request for another kind, or for a value of the wrong type.
    public func checked(_ document: JSONValue) throws(StatusError) -> JSONValue {
        let kind = document["kind"]?.stringValue ?? type.kind
        let version = document["apiVersion"]?.stringValue ?? type.apiVersion
        guard kind == type.kind, version == type.apiVersion else {
            throw .badRequest(
                "the document is a \(kind) of \(version), but \(type.kind) of \(type.apiVersion) is expected here")
        }
        var checked = try StructureCheck.check(document, type: type).value
        checked["kind"] = .string(type.kind)
        checked["apiVersion"] = .string(type.apiVersion)
        return checked
    }
}
