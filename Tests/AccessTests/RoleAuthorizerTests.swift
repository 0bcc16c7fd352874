import JSON
import ResourceStore
import Resources
import Testing

@testable import Access

struct RoleAuthorizerTests {
    @Test func nobodyMayDoWhatNoRoleSays() async throws {
        try await Scene.run { scene in
            let (alice, root) = (
                try await scene.may(.alice, "get", "pods", in: "default"), try await scene.may(.root, "delete", "nodes")
            )
            #expect(!alice)
            #expect(root)
        }
    }

    @Test func aRoleBindingHoldsInItsNamespaceOnly() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", "view", in: "default", to: .user("alice"))
            #expect(try await scene.may(.alice, "list", "pods", in: "default"))
            #expect(try await !scene.may(.alice, "list", "pods", in: "other"))
            #expect(try await !scene.may(.alice, "list", "pods"))
            #expect(try await !scene.may(.alice, "get", "secrets", in: "default"))
            #expect(try await !scene.may(.bob, "list", "pods", in: "default"))
        }
    }

    @Test func groupsAndServiceAccountsAreSubjects() async throws {
        try await Scene.run { scene in
            try await scene.bind("g", "edit", to: .group("dev"))
            try await scene.bind("s", "view", in: "default", to: .account("robot"))
            #expect(try await scene.may(.alice, "create", "deployments.apps", in: "other"))
            let robot = ServiceAccountName(namespace: "default", name: "robot")
            #expect(
                try await scene.may(User(name: robot.userName, groups: robot.groups), "list", "pods", in: "default"))
            // A person with the account's short name is not the account.
            #expect(try await !scene.may(User(name: "robot"), "list", "pods", in: "default"))
        }
    }

    @Test func aBindingOfNoRoleAllowsNothingAndIsTold() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", of: "Role", "gone", in: "default", to: .user("alice"))
            let target = AccessRequest.ResourceTarget(group: "", resource: "pods", namespace: "default")
            let request = AccessRequest(user: .alice, verb: "list", target: .resource(target))
            do {
                try await scene.authorizer.check(request)
                Issue.record("it was allowed")
            } catch let error as StatusError {
                #expect(error.code == 403)
                #expect(
                    error.message
                        == "pods is forbidden: User \"alice\" cannot list resource \"pods\" in API group \"\" in the namespace "
                        + "\"default\": RBAC: role.rbac.authorization.k8s.io \"gone\" not found")
            }
        }
    }

    @Test func aRightThatIsTakenAwayIsGoneAtOnce() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", "view", to: .user("alice"))
            #expect(try await scene.may(.alice, "list", "pods", in: "default"))
            _ = try await scene.store.delete(ResourceKey(type: .clusterRoleBinding, namespace: nil, name: "b"))
            #expect(try await !scene.may(.alice, "list", "pods", in: "default"))
        }
    }

    // MARK: Default roles

    @Test func editIsViewAndMore() async throws {
        try await Scene.run { scene in
            let roles = try await scene.store.list(.clusterRole).items
            func rules(_ name: String) -> [PolicyRule] {
                roles.first { $0.name == name }.map(RoleAuthorizer.rules) ?? []
            }
            #expect(PolicyRule.uncovered(rules("view"), by: rules("edit")).isEmpty)
            #expect(PolicyRule.uncovered(rules("edit"), by: rules("admin")).isEmpty)
            #expect(!PolicyRule.uncovered(rules("admin"), by: rules("edit")).isEmpty)
            #expect(!rules("view").isEmpty)
        }
    }

    @Test func aSecondStartWritesNothing() async throws {
        try await Scene.run { scene in
            let version = scene.store.latestVersion
            try await DefaultRoles.ensure(in: scene.store)
            #expect(scene.store.latestVersion == version)
        }
    }

    @Test func aRuleThatWasTakenOutComesBackUnlessForbidden() async throws {
        try await Scene.run { scene in
            let key = ResourceKey(type: .clusterRole, namespace: nil, name: "system:basic-user")
            try await scene.store.update(key) { $0.value["rules"] = [] }
            try await DefaultRoles.ensure(in: scene.store)
            #expect(try await scene.store.get(key).value["rules"]?.arrayValue?.count == 2)
            try await scene.store.update(key) {
                $0.value["rules"] = []
                $0.annotations["rbac.authorization.kubernetes.io/autoupdate"] = "false"
            }
            try await DefaultRoles.ensure(in: scene.store)
            #expect(try await scene.store.get(key).value["rules"] == [])
        }
    }

    @Test func aSelectedRoleIsTakenIn() async throws {
        try await Scene.run { scene in
            _ = try await scene.store.create(
                Scene.object(
                    .clusterRole, "gadgets", in: nil,
                    [
                        "metadata": ["labels": ["rbac.authorization.k8s.io/aggregate-to-view": "true"]],
                        "rules": [["verbs": ["get"], "apiGroups": ["example.com"], "resources": ["gadgets"]]],
                    ]))
            try await scene.store.transaction { try RoleAggregator.aggregate(in: $0) }
            try await scene.bind("b", "admin", to: .user("alice"))
            // From view to edit to admin.
            #expect(try await scene.may(.alice, "get", "gadgets.example.com", in: "default"))
        }
    }

    // MARK: Escalation

    private func refusal(_ scene: Scene, _ user: User, _ new: Resource, old: Resource? = nil) async -> StatusError? {
        do {
            try await scene.authorizer.checkEscalation(by: user, old: old, new: new)
            return nil
        } catch { return error as? StatusError }
    }

    @Test func nobodyWritesARoleThatIsMoreThanHisOwn() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", "edit", in: "default", to: .user("alice"))
            func role(_ verb: String, _ resource: String) -> Resource {
                let rule = PolicyRule(verbs: [verb], apiGroups: [""], resources: [resource])
                return Scene.object(.role, "r", in: "default", ["rules": [rule.value]])
            }
            #expect(await refusal(scene, .alice, role("create", "pods")) == nil)
            let error = try #require(await refusal(scene, .alice, role("delete", "nodes")))
            #expect(error.code == 403)
            #expect(
                error.message
                    == "roles.rbac.authorization.k8s.io \"r\" is forbidden: user \"alice\" (groups=[\"dev\" "
                    + "\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n"
                    + "{APIGroups:[\"\"], Resources:[\"nodes\"], Verbs:[\"delete\"]}")
            // What stands there already may be written again.
            let present = role("delete", "nodes")
            #expect(await refusal(scene, .alice, present, old: present) == nil)
            #expect(await refusal(scene, .root, present) == nil)
            try await scene.role(
                "may-escalate", in: "default",
                PolicyRule(verbs: ["escalate"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"]))
            try await scene.bind("e", of: "Role", "may-escalate", in: "default", to: .user("alice"))
            #expect(await refusal(scene, .alice, role("delete", "nodes")) == nil)
        }
    }

    @Test func nobodyBindsARoleThatIsMoreThanHisOwn() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", "view", in: "default", to: .user("alice"))
            let small = Scene.binding("x", "view", in: "default", to: .user("bob"))
            let large = Scene.binding("x", "cluster-admin", in: "default", to: .user("alice"))
            #expect(await refusal(scene, .alice, small) == nil)
            #expect(await refusal(scene, .alice, large)?.code == 403)
            // The rights of a namespace are none of the whole cluster.
            #expect(await refusal(scene, .alice, Scene.binding("x", "view", to: .user("bob")))?.code == 403)
            #expect(
                await refusal(scene, .alice, Scene.binding("x", "gone", in: "default", to: .user("bob")))?.code == 404)
            // A changed list of subjects is a new gift.
            let more = Scene.binding("x", "cluster-admin", in: "default", to: .user("alice"), .user("bob"))
            #expect(await refusal(scene, .alice, more, old: large)?.code == 403)
            try await scene.role(
                "may-bind", in: "default",
                PolicyRule(
                    verbs: ["bind"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"],
                    resourceNames: ["cluster-admin"]))
            try await scene.bind("m", of: "Role", "may-bind", in: "default", to: .user("alice"))
            #expect(await refusal(scene, .alice, large) == nil)
        }
    }

    @Test func aRoleOfABillionCombinationsIsRefusedAtOnce() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", "admin", in: "default", to: .user("alice"))
            let many = (0..<1_500).map { "n\($0)" }
            let rule = PolicyRule(verbs: many, apiGroups: many, resources: many, resourceNames: many)
            let role = Scene.object(.role, "r", in: "default", ["rules": [rule.value]])
            #expect(await refusal(scene, .alice, role)?.message.contains("make several roles") == true)
        }
    }

    @Test func onlyAnAdministratorAggregates() async throws {
        try await Scene.run { scene in
            try await scene.bind("b", "admin", to: .user("alice"))
            let role = Scene.object(
                .clusterRole, "trap", in: nil,
                [
                    "aggregationRule": [
                        "clusterRoleSelectors": [["matchLabels": ["kubernetes.io/bootstrapping": "rbac-defaults"]]]
                    ]
                ])
            #expect(
                await refusal(scene, .alice, role)?.message
                    == "clusterroles.rbac.authorization.k8s.io \"trap\" is forbidden: must have cluster-admin privileges to use an "
                    + "aggregationRule")
        }
    }
}
