import JSON
import Resources
import Testing

@testable import NodeAgent

@Suite struct SchedulingTests {
    private func pod(_ change: (inout PodSpec) -> Void) -> Pod {
        var spec = PodSpec(containers: [])
        change(&spec)
        return Pod(metadata: ObjectMeta(name: "p"), spec: spec)
    }

    private func node(_ taints: [Taint] = []) -> Node {
        Node(metadata: ObjectMeta(name: "dev1", labels: ["zone": "a"]), spec: NodeSpec(taints: taints))
    }

    @Test func aNodeMustHaveWhatSelectorAndAffinityAskFor() {
        let words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        for (value, expected) in [("a", nil), ("b", words)] {
            #expect(Scheduling.obstacle(pod { $0.nodeSelector = ["zone": value] }, on: node()) == expected)
            let affinity = pod {
                $0.affinity = [
                    "nodeAffinity": [
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            "nodeSelectorTerms": [
                                ["matchExpressions": [["key": "zone", "operator": "In", "values": [.string(value)]]]]
                            ]
                        ]
                    ]
                ]
            }
            #expect(Scheduling.obstacle(affinity, on: node()) == expected)
        }
    }
}
