import JSON
import Testing

@testable import Resources

@Suite("Served forms") struct ServedFormTests {
    private static let autoscaler: JSONValue = [
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": ["name": "a", "namespace": "default", "annotations": ["mine": "1"]],
        "spec": [
            "scaleTargetRef": ["apiVersion": "apps/v1", "kind": "Deployment", "name": "web"], "minReplicas": 1,
            "maxReplicas": 5,
            "metrics": [
                [
                    "type": "Resource",
                    "resource": ["name": "memory", "target": ["type": "AverageValue", "averageValue": "1Gi"]],
                ],
                [
                    "type": "Pods",
                    "pods": [
                        "metric": ["name": "rps", "selector": ["matchLabels": ["a": "b"]]],
                        "target": ["type": "AverageValue", "averageValue": "10"],
                    ],
                ],
                [
                    "type": "Object",
                    "object": [
                        "describedObject": ["kind": "Ingress", "name": "i", "apiVersion": "networking.k8s.io/v1"],
                        "metric": ["name": "hits"], "target": ["type": "Value", "value": "2k"],
                    ],
                ],
                [
                    "type": "External",
                    "external": [
                        "metric": ["name": "queue"], "target": ["type": "AverageValue", "averageValue": "30"],
                    ],
                ],
                [
                    "type": "ContainerResource",
                    "containerResource": [
                        "name": "cpu", "container": "main",
                        "target": ["type": "Utilization", "averageUtilization": 60],
                    ],
                ],
                [
                    "type": "Resource",
                    "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 50]],
                ],
            ],
            "behavior": [
                "scaleDown": [
                    "stabilizationWindowSeconds": 60, "selectPolicy": "Max",
                    "policies": [["type": "Pods", "value": 4, "periodSeconds": 15]],
                ]
            ],
        ],
        "status": [
            "currentReplicas": 2, "desiredReplicas": 2,
            "currentMetrics": [
                [
                    "type": "Resource",
                    "resource": ["name": "cpu", "current": ["averageUtilization": 40, "averageValue": "40m"]],
                ]
            ],
            "conditions": [["type": "AbleToScale", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"]],
        ],
    ]

    @Test("an autoscaler in v1 has the CPU's target as a field, the rest of v2 in annotations, and comes back whole")
    func autoscalerRoundTrip() throws {
        let stored = Resource(value: Self.autoscaler, type: .horizontalPodAutoscaler)
        let form = ServedForm.horizontalPodAutoscalerV1
        let served = form.served(stored)
        #expect(served.value["apiVersion"] == "autoscaling/v1")
        #expect(served.value[path: "spec", "targetCPUUtilizationPercentage"] == 50)
        #expect(served.value[path: "status", "currentCPUUtilizationPercentage"] == 40)
        #expect(served.value[path: "spec", "metrics"] == nil)
        #expect(served.value[path: "status", "conditions"] == nil)
        let prefix = "autoscaling.alpha.kubernetes.io/"
        #expect(
            Set(served.annotations.keys.filter { $0 != "mine" })
                == Set(["metrics", "behavior", "current-metrics", "conditions"].map { prefix + $0 }))
        let metrics = try JSONValue(parsing: served.annotations[prefix + "metrics"] ?? "")
        #expect(metrics[0] == ["type": "Resource", "resource": ["name": "memory", "targetAverageValue": "1Gi"]])
        #expect(metrics[1]?["pods"]?["metricName"] == "rps")
        #expect(metrics[2]?["object"]?["targetValue"] == "2k")
        #expect(metrics[2]?[path: "object", "target", "kind"] == "Ingress")
        let behavior = try JSONValue(parsing: served.annotations[prefix + "behavior"] ?? "")
        #expect(behavior["ScaleUp"] == .null)
        #expect(behavior[path: "ScaleDown", "Policies"]?[0] == ["Type": "Pods", "Value": 4, "PeriodSeconds": 15])
        #expect(form.storing(served.value) == stored.value)
        // What the shape of the form does not know would be refused.
        #expect(try StructureCheck.check(served.value, type: form.type).unknownFields == [])
    }

    @Test("an autoscaler posted as v1 is stored as v2, with the default target when it names none")
    func autoscalerCreate() throws {
        func create(_ target: JSONValue?, _ annotations: JSONValue? = nil) throws -> Resource {
            var value: JSONValue = [
                "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": ["name": "a"],
                "spec": ["scaleTargetRef": ["kind": "Deployment", "name": "web"], "maxReplicas": 3],
            ]
            value[path: "spec", "targetCPUUtilizationPercentage"] = target
            value[path: "metadata", "annotations"] = annotations
            return try Admission.create(value, in: .horizontalPodAutoscalerV1, namespace: "default").resource
        }
        #expect(try create(70).type == .horizontalPodAutoscaler)
        #expect(try create(70).value[at: "spec.metrics[0].resource.target.averageUtilization"] == 70)
        #expect(try create(nil).value[at: "spec.metrics[0].resource.target.averageUtilization"] == 80)
        let memory = #"[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]"#
        let annotated = try create(nil, ["autoscaling.alpha.kubernetes.io/metrics": .string(memory), "x": "y"])
        #expect(
            annotated.value[at: "spec.metrics[0].resource"] == [
                "name": "memory", "target": ["type": "Utilization", "averageUtilization": 60],
            ])
        #expect(annotated.annotations == ["x": "y"])
        #expect(try create(nil, ["autoscaling.alpha.kubernetes.io/metrics": "["]).annotations == [:])
        let error = #expect(throws: StatusError.self) { try create("many") }
        #expect(error?.message.hasPrefix("HorizontalPodAutoscaler in version \"v1\" cannot be handled") == true)
    }

    private static let event: JSONValue = [
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": ["name": "e", "namespace": "default"],
        "eventTime": "2026-01-01T00:00:00.000001Z", "reportingController": "example.com/c", "reportingInstance": "c-1",
        "action": "Doing", "reason": "Done", "type": "Normal", "note": "it is done",
        "regarding": ["kind": "Pod", "namespace": "default", "name": "p"],
        "series": ["count": 3, "lastObservedTime": "2026-01-01T00:00:05.000000Z"],
    ]

    @Test("an event in the words of events.k8s.io is stored as a core event and comes back the same")
    func eventRoundTrip() throws {
        let stored = try Admission.create(Self.event, in: .eventsV1, namespace: "default").resource
        #expect(stored.type == .event)
        #expect(stored.value["message"] == "it is done")
        #expect(stored.value[path: "involvedObject", "name"] == "p")
        #expect(stored.value["reportingComponent"] == "example.com/c")
        let served = ServedForm.eventsV1.served(stored).value
        for (name, value) in Self.event.objectValue ?? [:] where name != "metadata" {
            #expect(served[name] == value, "\(name)")
        }
        let old: JSONValue = [
            "apiVersion": "v1", "kind": "Event", "metadata": ["name": "f", "namespace": "default"], "count": 2,
            "involvedObject": ["kind": "Pod", "namespace": "default", "name": "p"], "source": ["component": "kubelet"],
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "message": "m",
        ]
        let legacy = ServedForm.eventsV1.served(Resource(value: old, type: .event)).value
        #expect(legacy["deprecatedCount"] == 2)
        #expect(legacy["deprecatedSource"] == ["component": "kubelet"])
        #expect(legacy["eventTime"] == .null)
        #expect(legacy["note"] == "m")
    }

    @Test(
        "the newer API demands what it requires, in its own words",
        arguments: [
            ("eventTime", nil, "eventTime: Required value"),
            ("reportingController", nil, "reportingController: Required value"),
            ("reportingInstance", "", "reportingInstance: Required value"),
            ("action", nil, "action: Required value"),
            ("type", "Odd", "type: Invalid value: \"\": has invalid value: Odd"),
            ("deprecatedCount", 1, "count: Invalid value: \"\": needs to be unset"),
            (
                "series", ["count": 1, "lastObservedTime": "2026-01-01T00:00:05.000000Z"],
                "series.count: Invalid value: \"\": should be at least 2"
            ),
        ] as [(String, JSONValue?, String)])
    func eventRules(field: String, value: JSONValue?, message: String) throws {
        var event = Self.event
        event[field] = value
        let error = #expect(throws: StatusError.self) {
            try Admission.create(event, in: .eventsV1, namespace: "default")
        }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("of an event only the series goes on")
    func eventUpdate() throws {
        let old = try Admission.create(Self.event, in: .eventsV1, namespace: "default").resource
        var next = Self.event
        next[path: "series", "count"] = 4
        let updated = try Admission.update(next, in: .eventsV1, old: old).resource
        #expect(updated.value[path: "series", "count"] == 4)
        next["note"] = "another"
        let error = #expect(throws: StatusError.self) { try Admission.update(next, in: .eventsV1, old: old) }
        #expect(error?.message.contains("message: Invalid value: \"another\": field is immutable") == true)
    }

    @Test("references in any form lead to the stored type")
    func references() {
        #expect(
            ResourceType.storing(apiVersion: "autoscaling/v1", kind: "HorizontalPodAutoscaler")
                == .horizontalPodAutoscaler)
        #expect(ResourceType.storing(apiVersion: "v1", kind: "Pod") == .pod)
        #expect(ResourceType.storing(apiVersion: "x/v1", kind: "Pod") == nil)
        #expect(
            ResourceType.named(group: "events.k8s.io", version: "v1", plural: "events")?.apiVersion
                == "events.k8s.io/v1")
    }

    @Test("selectors name fields as the form does")
    func selectors() throws {
        let stored = try Admission.create(Self.event, in: .eventsV1, namespace: "default").resource
        let query = try ServedForm.eventsV1.selector(FieldSelectorQuery("regarding.name=p,metadata.name=e"))
        #expect(query.matches(stored))
        #expect(throws: StatusError.self) {
            try ServedForm.eventsV1.selector(FieldSelectorQuery("involvedObject.name=p"))
        }
    }
}
