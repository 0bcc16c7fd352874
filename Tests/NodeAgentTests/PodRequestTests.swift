import JSON
import OCI
import Resources
import Testing

@testable import ContainerEngine
@testable import NodeAgent

/// What a container of a pod asks of the engine.
@Suite struct PodRequestTests {
    private func request(_ container: JSONValue, volumes: [String: PreparedVolume] = [:]) throws -> ContainerRequest {
        var container = container
        container["name"] = "c"
        container["image"] = "i"
        let value: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p", "namespace": "ns", "uid": "u1"],
            "spec": ["containers": [container]],
        ]
        let pod = try Resource(value: value).decode(as: Pod.self)
        return try ContainerBlueprint(
            pod: pod, container: try #require(pod.spec.containers.first), attempt: 0, configuration: .init(),
            facts: PodFacts(nodeName: "n1", hostIP: "10.0.0.1", podIP: nil), nodeCapacity: [:],
            imageConfig: ImageConfig(platform: .current, diffIDs: []), layers: ["/l"],
            sandbox: Sandbox(id: "u1", usesHostNetwork: true, etcDirectory: "/etc", hostname: "n1"), volumes: volumes,
            logPath: "/log"
        ).request()
    }

    @Test(arguments: [("/dev/termination-log", "/dev/termination-log"), ("run/end", "/run/end")])
    func aContainerHasAPlaceForItsMessage(path: String, expected: String) throws {
        let made = try request(["terminationMessagePath": .string(path), "terminationMessagePolicy": "File"])
        #expect(made.terminationMessagePath == expected)
        #expect(!made.takesMessageFromLog)
    }

    @Test func theLogIsLookedIntoWhenThePolicySaysSo() throws {
        #expect(try request(["terminationMessagePolicy": "FallbackToLogsOnError"]).takesMessageFromLog)
    }

    @Test func laterMountsPassAsTheVolumeMountSays() throws {
        let made = try request(
            [
                "volumeMounts": [
                    ["name": "v", "mountPath": "/1"], ["name": "v", "mountPath": "/2", "mountPropagation": "None"],
                    ["name": "v", "mountPath": "/3", "mountPropagation": "HostToContainer"],
                    ["name": "v", "mountPath": "/4", "mountPropagation": "Bidirectional"],
                ]
            ], volumes: ["v": PreparedVolume(path: "/host/v")])
        #expect(made.mounts.map(\.propagation) == [.none, .none, .hostToContainer, .bidirectional])
    }

    @Test func whatIsBelowIsReadOnlyAsTheVolumeMountSays() throws {
        let modes: [JSONValue] = ["Disabled", "IfPossible", "Enabled"]
        let mounts: [JSONValue] = modes.enumerated().map { index, mode in
            ["name": "v", "mountPath": .string("/\(index)"), "readOnly": true, "recursiveReadOnly": mode]
        }
        let made = try request(["volumeMounts": .array(mounts)], volumes: ["v": PreparedVolume(path: "/host/v")])
        #expect(made.mounts.map(\.isReadOnlyBelow) == [false, true, true])
    }

    @Test func aVolumeIsNotHiddenByAPlaceForAMessage() throws {
        let made = try request(
            ["terminationMessagePath": "/v", "volumeMounts": [["name": "v", "mountPath": "/v"]]],
            volumes: ["v": PreparedVolume(path: "/host/v")])
        #expect(made.terminationMessagePath == nil)
        #expect(made.mounts.map(\.destination) == ["/v"])
    }
}
