import JSON
import Resources
import Testing

@testable import KubernetesAPI

@Suite("Tables")
struct TableTests {
    /// 2026-01-01T01:00:00Z.
    static let now: Int64 = 1_767_229_200

    @Test(
        "ages read as kubectl's",
        arguments: [
            (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (601, "10m"),
            (10_799, "179m"), (10_800, "3h"), (11_000, "3h3m"), (28_800, "8h"), (172_799, "47h"), (172_800, "2d"),
            (180_000, "2d2h"), (691_200, "8d"), (63_072_000, "2y"), (63_158_400, "2y1d"), (252_288_000, "8y"),
        ] as [(Int64, String)])
    func ages(seconds: Int64, text: String) {
        #expect(HumanDuration.text(seconds: seconds) == text)
    }

    static func pod(_ status: JSONValue, spec: JSONValue = ["containers": [["name": "a"]]], deleted: Bool = false)
        -> Resource
    {
        var value: JSONValue = [
            "metadata": ["name": "p", "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"],
            "spec": spec, "status": status,
        ]
        if deleted { value[path: "metadata", "deletionTimestamp"] = "2026-01-01T00:59:00Z" }
        return Resource(value: value, type: .pod)
    }

    static func container(_ state: JSONValue, ready: Bool = false, restarts: Int64 = 0, last: JSONValue = [:])
        -> JSONValue
    {
        ["name": "a", "state": state, "ready": .bool(ready), "restartCount": .integer(restarts), "lastState": last]
    }

    static func row(_ pod: Resource) -> [String] {
        ResourceTable.pods.cells(pod, now)[1...3].map { $0.stringValue ?? "?" }
    }

    @Test("a pod without statuses is pending")
    func pending() {
        #expect(Self.row(Self.pod(["phase": "Pending"])) == ["0/1", "Pending", "0"])
        #expect(Self.row(Self.pod([:])) == ["0/1", "Pending", "0"])
    }

    @Test("a running pod counts ready containers")
    func running() {
        let status: JSONValue = [
            "phase": "Running", "containerStatuses": [Self.container(["running": [:]], ready: true)],
        ]
        #expect(Self.row(Self.pod(status)) == ["1/1", "Running", "0"])
        #expect(Self.row(Self.pod(status, deleted: true)) == ["1/1", "Terminating", "0"])
    }

    @Test("restarts tell when the last one was")
    func restarts() {
        let last: JSONValue = ["terminated": ["exitCode": 1, "finishedAt": "2026-01-01T00:59:55Z"]]
        let waiting: JSONValue = ["waiting": ["reason": "CrashLoopBackOff"]]
        let status: JSONValue = [
            "phase": "Running", "containerStatuses": [Self.container(waiting, restarts: 3, last: last)],
        ]
        #expect(Self.row(Self.pod(status)) == ["0/1", "CrashLoopBackOff", "3 (5s ago)"])
    }

    @Test(
        "the reason of the first container that stands still shows",
        arguments: [
            (["waiting": ["reason": "ImagePullBackOff"]], "ImagePullBackOff"),
            (["waiting": ["reason": "ContainerCreating"]], "ContainerCreating"),
            (["terminated": ["reason": "OOMKilled", "exitCode": 137]], "OOMKilled"),
            (["terminated": ["reason": "Completed", "exitCode": 0]], "Completed"),
            (["terminated": ["exitCode": 3]], "ExitCode:3"),
            (["terminated": ["exitCode": 137, "signal": 9]], "Signal:9"),
        ] as [(JSONValue, String)])
    func reasons(state: JSONValue, reason: String) {
        let status: JSONValue = ["phase": "Running", "containerStatuses": [Self.container(state)]]
        #expect(Self.row(Self.pod(status))[1] == reason)
    }

    @Test("init containers show their progress and their failures")
    func initContainers() {
        let spec: JSONValue = [
            "containers": [["name": "a"]], "initContainers": [["name": "i"], ["name": "j"]],
        ]
        func row(_ first: JSONValue, _ second: JSONValue) -> String {
            let status: JSONValue = [
                "phase": "Pending", "initContainerStatuses": [Self.container(first), Self.container(second)],
                "containerStatuses": [Self.container(["waiting": ["reason": "PodInitializing"]])],
            ]
            return Self.row(Self.pod(status, spec: spec))[1]
        }
        let done: JSONValue = ["terminated": ["exitCode": 0, "reason": "Completed"]]
        #expect(row(["running": [:]], [:]) == "Init:0/2")
        #expect(row(done, ["running": [:]]) == "Init:1/2")
        #expect(row(done, ["terminated": ["exitCode": 1, "reason": "Error"]]) == "Init:Error")
        #expect(row(["waiting": ["reason": "CrashLoopBackOff"]], [:]) == "Init:CrashLoopBackOff")
        #expect(row(done, done) == "PodInitializing")
    }

    @Test("a deployment shows ready of wanted, and wide columns")
    func deployment() {
        let value: JSONValue = [
            "metadata": ["name": "web", "creationTimestamp": "2026-01-01T00:59:00Z"],
            "spec": [
                "replicas": 3, "selector": ["matchLabels": ["app": "web"]],
                "template": ["spec": ["containers": [["name": "a", "image": "x:1"], ["name": "b", "image": "y:2"]]]],
            ],
            "status": ["readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1, "unavailableReplicas": 5],
        ]
        let deployment = Resource(value: value, type: .deployment)
        let cells = ResourceTable.deployments(ofFleet: false).cells(deployment, Self.now)
        #expect(cells == ["web", "2/3", 3, 1, "60s", "a,b", "x:1,y:2", "app=web"])
        #expect(ResourceTable.deployments(ofFleet: true).cells(deployment, Self.now)[1] == "2/6", "of two devices")
    }

    @Test("a silent device is Unknown at a hub and NotReady elsewhere")
    func nodes() {
        let value: JSONValue = [
            "metadata": ["name": "n", "labels": ["node-role.kubernetes.io/edge": ""]],
            "status": [
                "conditions": [["type": "Ready", "status": "Unknown", "lastHeartbeatTime": "2026-01-01T00:50:00Z"]]
            ],
        ]
        let node = Resource(value: value, type: .node)
        let hub = ResourceTable.nodes(showsLastContact: true)
        #expect(hub.cells(node, Self.now)[...3] == ["n", "Unknown", "edge", "10m"])
        #expect(ResourceTable.nodes(showsLastContact: false).cells(node, Self.now)[1] == "NotReady")
        #expect(hub.columns.count == hub.cells(node, Self.now).count)
    }

    @Test("every type has as many cells as columns", arguments: ResourceType.all)
    func cellCounts(type: ResourceType) {
        let table = TableCatalog(isHub: false)[type]
        let empty = Resource(value: ["metadata": ["name": "x"]], type: type)
        #expect(table.cells(empty, Self.now).count == table.columns.count)
    }
}
