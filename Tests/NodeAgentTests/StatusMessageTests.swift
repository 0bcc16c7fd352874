import JSON
import Resources
import Testing

@testable import NodeAgent

/// What a pod's status has room for.
@Suite struct StatusMessageTests {
    private func message(_ text: String, containers: Int) throws -> (state: String?, last: String?) {
        let names = (0..<containers).map { "c\($0)" }
        let value: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p", "namespace": "ns", "uid": "u1"],
            "spec": ["containers": .array(names.map { ["name": .string($0), "image": "i"] })],
        ]
        let pod = try Resource(value: value).decode(as: Pod.self)
        var end = MachineDriver.end("c0", 0, 1)
        end.message = text
        let view = ContainerView(
            name: "c0", image: "i", imageID: "", state: .terminated(end), last: end, restartCount: 1, ready: false,
            started: false)
        let writer = PodStatusWriter(
            pod: pod, facts: PodFacts(nodeName: "n1", hostIP: "10.0.0.1", podIP: nil), now: Timestamp(seconds: 0))
        let status = try #require(
            writer.status(
                PodView(
                    phase: .running, sandboxReady: true, initialized: true, initContainers: [], containers: [view])
            ).containerStatuses?.first)
        return (status.state?.terminated?.message, status.lastState?.terminated?.message)
    }

    @Test func aMessageOfOneContainerIsWhole() throws {
        let text = String(repeating: "x", count: 4096)
        let shown = try message(text, containers: 3)
        #expect(shown.state == text && shown.last == text)
    }

    @Test func manyContainersShareTwelveKibibytes() throws {
        let shown = try message(String(repeating: "x", count: 4096), containers: 12)
        #expect(shown.state?.utf8.count == 1024 && shown.last?.utf8.count == 1024)
    }

    @Test func noCharacterIsCut() throws {
        let shown = try message("x" + String(repeating: "é", count: 2000), containers: 12)
        #expect(shown.state == "x" + String(repeating: "é", count: 511))
    }
}
