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

    @Test func aTaintIsToleratedByTheFirstTolerationThatFits() {
        let taint = Taint(key: "care", value: "now", effect: "NoExecute")
        func tolerance(_ tolerations: Toleration..., taints: [Taint]? = nil) -> TaintTolerance {
            Scheduling.tolerance(of: pod { $0.tolerations = tolerations }, to: taints ?? [taint])
        }
        func fits(_ key: String, seconds: Int? = nil) -> Toleration {
            Toleration(key: key, operator: "Exists", effect: "NoExecute", tolerationSeconds: seconds)
        }
        #expect(tolerance() == .limited(.zero))
        #expect(tolerance(taints: [Taint(key: "care", effect: "NoSchedule")]) == .forever)
        #expect(tolerance(fits("care")) == .forever)
        #expect(tolerance(Toleration(operator: "Exists")) == .forever)
        #expect(tolerance(Toleration(key: "care", value: "now")) == .forever)
        #expect(tolerance(Toleration(key: "care", value: "then")) == .limited(.zero))
        #expect(tolerance(Toleration(key: "care", operator: "Exists", effect: "NoSchedule")) == .limited(.zero))
        #expect(tolerance(fits("care", seconds: 5), fits("care")) == .limited(.seconds(5)))
        #expect(tolerance(fits("care", seconds: -5)) == .limited(.zero))
        #expect(tolerance(fits("care", seconds: .max)) == .limited(.seconds(Int(Int32.max))))
        let both = [taint, Taint(key: "other", effect: "NoExecute")]
        #expect(tolerance(fits("care"), taints: both) == .limited(.zero))
        #expect(tolerance(fits("care", seconds: 9), fits("other", seconds: 4), taints: both) == .limited(.seconds(4)))
        #expect(tolerance(fits("care"), fits("other", seconds: 4), taints: both) == .limited(.seconds(4)))
    }
}
