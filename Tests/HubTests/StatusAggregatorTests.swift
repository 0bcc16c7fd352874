import FleetProtocol
import JSON
import Resources
import Testing

@testable import Hub

struct StatusAggregatorTests {
    private func share(
        _ name: String, connected: Bool = true, hash: String = "h", updated: Int64 = 2, available: Int64 = 2,
        failure: String? = nil, isReported: Bool = true
    ) throws -> StatusAggregator.Share {
        let reported = ReportedObject(value: [
            "hash": .string(hash), "generation": 4, "replicas": 2,
            "status": [
                "observedGeneration": 4, "replicas": .integer(updated), "updatedReplicas": .integer(updated),
                "readyReplicas": .integer(available), "availableReplicas": .integer(available),
                "conditions": [["type": "Available", "status": available >= 2 ? "True" : "False"]],
            ],
        ])
        return .init(
            device: try DeviceID(name), isConnected: connected, reported: isReported ? reported : nil, failure: failure)
    }

    private func status(_ shares: [StatusAggregator.Share], old: JSONValue? = nil, now: String = "t1") -> JSONValue {
        var resource = deployment("web")
        resource.generation = 3
        resource.value["status"] = old
        return StatusAggregator(shares: shares, hash: "h", now: now).status(ofDeployment: resource)
    }

    private func condition(_ status: JSONValue, _ type: String) -> JSONValue? {
        status["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
    }

    @Test func sumsOverDevicesAndObservesWhenAllHaveIt() throws {
        let status = status([try share("a"), try share("b")])
        #expect(status["replicas"] == 4)
        #expect(status["updatedReplicas"] == 4)
        #expect(status["availableReplicas"] == 4)
        #expect(status["unavailableReplicas"] == nil)
        #expect(status["observedGeneration"] == 3)
        #expect(condition(status, "Progressing")?["reason"] == "NewReplicaSetAvailable")
        #expect(condition(status, "Available")?["status"] == "True")
    }

    @Test func aConnectedDeviceWithTheOldVersionHoldsObservedGenerationBack() throws {
        let behind = status([try share("a"), try share("b", hash: "old")], old: ["observedGeneration": 2])
        #expect(behind["observedGeneration"] == 2)
        #expect(behind["updatedReplicas"] == 2)
        let away = status([try share("a"), try share("b", connected: false, hash: "old")])
        #expect(away["observedGeneration"] == 3)
        #expect(condition(away, "Progressing")?["message"]?.stringValue?.contains("b (not connected)") == true)
    }

    @Test func aFailureOfOneDeviceIsACondition() throws {
        let status = status([try share("a"), try share("b", failure: "no disk")])
        #expect(condition(status, "DeviceFailure")?["message"] == "b: no disk")
    }

    @Test func nothingIsWrittenWhenNothingChanged() throws {
        let first = status([try share("a")], now: "t1")
        #expect(status([try share("a")], old: first, now: "t2") == first)
    }

    @Test func noDeviceIsSaid() {
        #expect(condition(status([]), "Available")?["reason"] == "NoMatchingDevice")
    }
}
