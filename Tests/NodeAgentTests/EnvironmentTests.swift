import JSON
import Resources
import Testing

@testable import NodeAgent

@Suite struct EnvironmentTests {
    private let facts = PodFacts(nodeName: "n1", hostIP: "10.0.0.1", podIP: nil)

    private func pod(_ container: JSONValue, labels: JSONValue = ["app": "web"]) throws -> Pod {
        let value: JSONValue = [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": "p", "namespace": "ns", "uid": "u1", "labels": labels],
            "spec": ["containers": [container]],
        ]
        return try Resource(value: value).decode(as: Pod.self)
    }

    private func environment(_ container: JSONValue, _ configuration: ConfigurationSnapshot = .init()) throws
        -> [String]
    {
        var container = container
        container["name"] = "c"
        container["image"] = "i"
        let pod = try pod(container)
        return try ContainerEnvironment(
            pod: pod, container: try #require(pod.spec.containers.first), configuration: configuration, facts: facts
        ).entries
    }

    private func configuration(_ kind: ConfigurationSnapshot.Kind, _ name: String, _ values: [String: String])
        -> ConfigurationSnapshot
    {
        var snapshot = ConfigurationSnapshot()
        snapshot.contents[.init(kind: kind, name: name)] = values.mapValues { Array($0.utf8) }
        return snapshot
    }

    @Test func variablesReferToEarlierOnes() throws {
        let env: JSONValue = [
            "env": [
                ["name": "A", "value": "1"], ["name": "B", "value": "$(A)-$(MISSING)-$$(A)"],
            ]
        ]
        #expect(try environment(env) == ["A=1", "B=1-$(MISSING)-$(A)"])
    }

    @Test func fieldsOfThePodCanBeRead() throws {
        func field(_ name: String, _ path: String) -> JSONValue {
            ["name": .string(name), "valueFrom": ["fieldRef": ["fieldPath": .string(path)]]]
        }
        let env: JSONValue = [
            "env": [
                field("NAME", "metadata.name"), field("NS", "metadata.namespace"), field("UID", "metadata.uid"),
                field("APP", "metadata.labels['app']"), field("NODE", "spec.nodeName"), field("HOST", "status.hostIP"),
            ]
        ]
        #expect(try environment(env) == ["NAME=p", "NS=ns", "UID=u1", "APP=web", "NODE=n1", "HOST=10.0.0.1"])
    }

    @Test func wholeObjectsComeFirstAndSingleVariablesWin() throws {
        let env: JSONValue = [
            "envFrom": [["prefix": "X_", "configMapRef": ["name": "cm"]]], "env": [["name": "X_A", "value": "own"]],
        ]
        #expect(try environment(env, configuration(.configMap, "cm", ["A": "1", "B": "2"])) == ["X_A=own", "X_B=2"])
    }

    @Test func aMissingObjectIsNamedAsTheKubeletNamesIt() {
        let env: JSONValue = ["envFrom": [["secretRef": ["name": "s"]]]]
        #expect(throws: ConfigurationError(message: "secret \"s\" not found")) { try environment(env) }
        let key: JSONValue = [
            "env": [["name": "K", "valueFrom": ["configMapKeyRef": ["name": "cm", "key": "k"]]]]
        ]
        #expect(throws: ConfigurationError(message: "couldn't find key k in ConfigMap ns/cm")) {
            try environment(key, configuration(.configMap, "cm", [:]))
        }
    }

    @Test func whatIsOptionalMayBeMissing() throws {
        let env: JSONValue = [
            "envFrom": [["configMapRef": ["name": "cm", "optional": true]]],
            "env": [["name": "K", "valueFrom": ["secretKeyRef": ["name": "s", "key": "k", "optional": true]]]],
        ]
        #expect(try environment(env).isEmpty)
    }

    @Test func theHashFollowsTheImageAndNotTheProbes() throws {
        let plain = try #require(try pod(["name": "c", "image": "i:1"]).spec.containers.first)
        let probed = try #require(
            try pod(["name": "c", "image": "i:1", "livenessProbe": ["tcpSocket": ["port": 80]]]).spec.containers.first)
        let other = try #require(try pod(["name": "c", "image": "i:2"]).spec.containers.first)
        #expect(ContainerPlan.hash(of: plain) == ContainerPlan.hash(of: probed))
        #expect(ContainerPlan.hash(of: plain) != ContainerPlan.hash(of: other))
    }
}
