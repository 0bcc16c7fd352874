import JSON
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Reviews and tokens")
struct ReviewTests {
    private static let access = "/apis/authorization.k8s.io/v1"
    private static let identity = "/apis/authentication.k8s.io/v1"

    private static func question(_ kind: String, _ spec: JSONValue) -> JSONValue {
        ["apiVersion": "authorization.k8s.io/v1", "kind": .string(kind), "spec": spec]
    }

    @Test("the holder of the socket is told who he is and that he may do everything")
    func self_() async throws {
        try await APIServer.run { server async throws in
            let me = try await server.send("POST", Self.identity + "/selfsubjectreviews", [:])
            #expect(me.code == 201)
            #expect(try me.json[path: "status", "userInfo"]?["username"] == "wherry:local")
            let may = try await server.send(
                "POST", Self.access + "/selfsubjectaccessreviews",
                Self.question(
                    "SelfSubjectAccessReview", ["resourceAttributes": ["verb": "delete", "resource": "nodes"]]))
            #expect(try may.json[path: "status", "allowed"] == true)
            let rules = try await server.send(
                "POST", Self.access + "/selfsubjectrulesreviews",
                Self.question("SelfSubjectRulesReview", ["namespace": "default"]))
            #expect(try rules.json[path: "status", "resourceRules"]?.arrayValue?.count == 1)
        }
    }

    @Test("others are judged by their roles")
    func others() async throws {
        try await APIServer.run { server async throws in
            let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
            let role: JSONValue = [
                "metadata": ["name": "r"],
                "rules": [["apiGroups": [""], "resources": ["pods"], "verbs": ["get"]]],
            ]
            let binding: JSONValue = [
                "metadata": ["name": "b"], "roleRef": ["kind": "Role", "name": "r"],
                "subjects": [["kind": "User", "name": "alice"]],
            ]
            #expect(try await server.send("POST", rbac + "/roles", role).code == 201)
            #expect(try await server.send("POST", rbac + "/rolebindings", binding).code == 201)
            func ask(_ user: String, _ verb: String) async throws -> JSONValue? {
                let target: JSONValue = ["verb": .string(verb), "resource": "pods", "namespace": "default"]
                return try await server.send(
                    "POST", Self.access + "/subjectaccessreviews",
                    Self.question("SubjectAccessReview", ["user": .string(user), "resourceAttributes": target])
                ).json["status"]
            }
            let (yes, no, stranger) = (
                try await ask("alice", "get"), try await ask("alice", "list"), try await ask("bob", "get")
            )
            #expect(yes?["allowed"] == true)
            #expect(
                yes?["reason"] == "RBAC: allowed by RoleBinding \"default/b\" of Role \"r\" to User \"alice\"")
            #expect(no?["allowed"] == false)
            #expect(stranger?["allowed"] == false)
        }
    }

    @Test("a question that cannot be answered is refused in the API's words")
    func faults() async throws {
        try await APIServer.run { server async throws in
            func message(_ path: String, _ body: JSONValue) async throws -> String? {
                try await server.send("POST", Self.access + path, body).json["message"]?.stringValue
            }
            let none = try await message("/subjectaccessreviews", Self.question("SubjectAccessReview", ["user": "a"]))
            #expect(
                none
                    == "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: "
                    + "null: exactly one of nonResourceAttributes or resourceAttributes must be specified")
            let nobody = try await message(
                "/subjectaccessreviews",
                Self.question("SubjectAccessReview", ["nonResourceAttributes": ["path": "/", "verb": "get"]]))
            #expect(
                nobody
                    == "SubjectAccessReview.authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at "
                    + "least one of user or group must be specified")
            let elsewhere = try await message(
                "/namespaces/a/localsubjectaccessreviews",
                Self.question(
                    "LocalSubjectAccessReview", ["user": "a", "resourceAttributes": ["namespace": "b", "verb": "get"]]))
            #expect(elsewhere == "spec.resourceAttributes.namespace must match namespace: a")
            #expect(try await server.send("GET", Self.access + "/subjectaccessreviews").code == 405)
            let wrong = try await server.send(
                "POST", Self.access + "/selfsubjectaccessreviews",
                Self.question("SelfSubjectAccessReview", ["resourceAttributes": "x"]))
            #expect(wrong.code == 400)
        }
    }

    @Test("a token that was issued is known, another one is not")
    func tokens() async throws {
        try await APIServer.run { server async throws in
            let accounts = "/api/v1/namespaces/default/serviceaccounts"
            let account: JSONValue = ["metadata": ["name": "robot"]]
            #expect(try await server.send("POST", accounts, account).code == 201)
            let issued = try await server.send("POST", accounts + "/robot/token", ["spec": ["audiences": []]])
            #expect(issued.code == 201)
            let token = try #require(try issued.json[path: "status", "token"]?.stringValue)
            func review(_ token: String) async throws -> JSONValue? {
                try await server.send(
                    "POST", Self.identity + "/tokenreviews", ["spec": ["token": .string(token)]]
                ).json["status"]
            }
            let (good, bad) = (try await review(token), try await review(token + "x"))
            #expect(good?[path: "user", "username"] == "system:serviceaccount:default:robot")
            #expect(bad?["authenticated"] == false)
            #expect(try await server.send("POST", accounts + "/none/token", [:]).code == 404)
            let keys = try await server.send("GET", "/openid/v1/jwks").json["keys"]?.arrayValue
            #expect(keys?.first?["alg"] == "ES256")
        }
    }
}
