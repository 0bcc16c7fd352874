extension SchemaDescriptions {
    /// Of accounts, roles and reviews.
    static let access = """
        ServiceAccount | A name under which pods speak to the API.
        ServiceAccount.secrets | Secrets that its pods may use.
        ServiceAccount.imagePullSecrets | Secrets for pulling its pods' images.
        ServiceAccount.automountServiceAccountToken | Whether its pods get a token by themselves.
        Role | What may be done in a namespace.
        Role.rules | Each allows something; nothing forbids.
        ClusterRole | What may be done everywhere, or in the namespace of a RoleBinding.
        ClusterRole.rules | Each allows something; nothing forbids.
        ClusterRole.aggregationRule | Takes its rules from other roles.
        AggregationRule | Which roles a role takes its rules from.
        AggregationRule.clusterRoleSelectors | Chooses them by label; one is enough.
        PolicyRule | Something that is allowed.
        PolicyRule.verbs | What may be done, as `get`, or `*`.
        PolicyRule.apiGroups | Groups of the kinds; empty text for the core group.
        PolicyRule.resources | Plural names of the kinds and their parts, as `pods/log`.
        PolicyRule.resourceNames | Only objects of these names.
        PolicyRule.nonResourceURLs | Paths that are no kinds, as `/healthz`.
        RoleBinding | Gives people and accounts a role in a namespace.
        RoleBinding.subjects | Who.
        RoleBinding.roleRef | The Role or ClusterRole; never changes.
        ClusterRoleBinding | Gives people and accounts a role everywhere.
        ClusterRoleBinding.subjects | Who.
        ClusterRoleBinding.roleRef | The ClusterRole; never changes.
        RoleRef | Names a role.
        RoleRef.apiGroup | Its group, `rbac.authorization.k8s.io`.
        RoleRef.kind | `Role` or `ClusterRole`.
        RoleRef.name | Its name.
        Subject | Who gets a role.
        Subject.kind | `User`, `Group` or `ServiceAccount`.
        Subject.apiGroup | Its group; empty for accounts.
        Subject.name | Its name.
        Subject.namespace | Namespace of an account.
        TokenRequest | Asks for a token of a ServiceAccount.
        TokenRequest.spec | Which token.
        TokenRequest.status | The token.
        TokenRequestSpec | Which token is asked for.
        TokenRequestSpec.audiences | Who shall accept it; the API when absent.
        TokenRequestSpec.expirationSeconds | How long it is valid.
        TokenRequestSpec.boundObjectRef | An object that it ends with.
        TokenRequestStatus | A token.
        TokenRequestStatus.token | The token.
        TokenRequestStatus.expirationTimestamp | When it ends.
        BoundObjectReference | The object that a token ends with.
        BoundObjectReference.kind | `Pod`, `Secret` or `Node`.
        BoundObjectReference.apiVersion | Its version.
        BoundObjectReference.name | Its name.
        BoundObjectReference.uid | Its unique id.
        TokenReview | Asks whose a token is.
        TokenReview.spec | The token.
        TokenReview.status | The answer.
        TokenReviewSpec | A token to look at.
        TokenReviewSpec.token | The token.
        TokenReviewSpec.audiences | Who asks.
        TokenReviewStatus | Whose a token is.
        TokenReviewStatus.authenticated | Whether it is valid.
        TokenReviewStatus.user | Whose it is.
        TokenReviewStatus.audiences | Those of the asked audiences that it is for.
        TokenReviewStatus.error | Why it could not be looked at.
        UserInfo | Who somebody is.
        UserInfo.username | The name.
        UserInfo.uid | A unique id.
        UserInfo.groups | Groups that they are in.
        UserInfo.extra | What else is known.
        SelfSubjectReview | Asks who one is.
        SelfSubjectReview.status | The answer.
        SelfSubjectReviewStatus | Who the asker is.
        SelfSubjectReviewStatus.userInfo | The asker.
        SelfSubjectAccessReview | Asks whether one may do something.
        SelfSubjectAccessReview.spec | What.
        SelfSubjectAccessReview.status | The answer.
        SelfSubjectAccessReviewSpec | What the asker wants to do.
        SelfSubjectAccessReviewSpec.resourceAttributes | Something with objects.
        SelfSubjectAccessReviewSpec.nonResourceAttributes | Something with a path.
        SubjectAccessReview | Asks whether somebody may do something.
        SubjectAccessReview.spec | Who and what.
        SubjectAccessReview.status | The answer.
        SubjectAccessReviewSpec | Who wants to do what.
        SubjectAccessReviewSpec.resourceAttributes | Something with objects.
        SubjectAccessReviewSpec.nonResourceAttributes | Something with a path.
        SubjectAccessReviewSpec.user | Who.
        SubjectAccessReviewSpec.groups | Groups that they are in.
        SubjectAccessReviewSpec.extra | What else is known of them.
        SubjectAccessReviewSpec.uid | Their unique id.
        SubjectAccessReviewStatus | Whether somebody may do something.
        SubjectAccessReviewStatus.allowed | Whether they may.
        SubjectAccessReviewStatus.denied | Whether it is forbidden for certain.
        SubjectAccessReviewStatus.reason | Why.
        SubjectAccessReviewStatus.evaluationError | What could not be looked at.
        LocalSubjectAccessReview | Asks whether somebody may do something in a namespace.
        LocalSubjectAccessReview.spec | Who and what.
        LocalSubjectAccessReview.status | The answer.
        SelfSubjectRulesReview | Asks what one may do in a namespace.
        SelfSubjectRulesReview.spec | Which namespace.
        SelfSubjectRulesReview.status | The answer.
        SelfSubjectRulesReviewSpec | Where the asker wants to do something.
        SelfSubjectRulesReviewSpec.namespace | The namespace.
        SubjectRulesReviewStatus | What somebody may do.
        SubjectRulesReviewStatus.resourceRules | With objects.
        SubjectRulesReviewStatus.nonResourceRules | With paths.
        SubjectRulesReviewStatus.incomplete | Whether there may be more.
        SubjectRulesReviewStatus.evaluationError | What could not be looked at.
        ResourceRule | Something that may be done with objects.
        ResourceRule.verbs | What.
        ResourceRule.apiGroups | Groups of the kinds.
        ResourceRule.resources | The kinds.
        ResourceRule.resourceNames | Only objects of these names.
        NonResourceRule | Something that may be done with paths.
        NonResourceRule.verbs | What.
        NonResourceRule.nonResourceURLs | The paths.
        ResourceAttributes | Something that somebody wants to do with objects.
        ResourceAttributes.namespace | Where.
        ResourceAttributes.verb | What.
        ResourceAttributes.group | Group of the kind.
        ResourceAttributes.version | Its version.
        ResourceAttributes.resource | Its plural name.
        ResourceAttributes.subresource | Part of the object.
        ResourceAttributes.name | Name of the object; all when absent.
        NonResourceAttributes | Something that somebody wants to do with a path.
        NonResourceAttributes.path | The path.
        NonResourceAttributes.verb | What.
        """
}
