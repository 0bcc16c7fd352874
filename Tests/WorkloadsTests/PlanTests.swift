import JSON
import Resources
import Testing

@testable import Workloads

/// Deployments and ReplicaSets as values; nothing is stored.
enum Make {
    static func deployment(
        replicas: Int64 = 3, image: String = "a:1", strategy: JSONValue? = nil, generation: Int64 = 1,
        extra: [String: JSONValue] = [:], status: JSONValue? = nil, annotations: [String: String] = [:]
    ) -> Resource {
        var value: JSONValue = [
            "metadata": [
                "name": "web", "namespace": "default", "uid": "d-uid", "generation": .integer(generation),
                "creationTimestamp": "2026-01-01T00:00:00Z",
            ],
            "spec": [
                "replicas": .integer(replicas), "selector": ["matchLabels": ["app": "web"]],
                "template": [
                    "metadata": ["labels": ["app": "web"]],
                    "spec": ["containers": [["name": "c", "image": .string(image)]]],
                ],
            ],
        ]
        if let strategy { value[path: "spec", "strategy"] = strategy }
        for (key, field) in extra { value[path: "spec", key] = field }
        value["status"] = status
        var resource = Resource(value: value, type: .deployment)
        resource.annotations = annotations
        return resource
    }

    static func pod(
        _ index: Int, ready: Bool = true, phase: String = "Running", terminating: Bool = false,
        node: String = "n", readySince: String = "2026-01-01T00:00:00Z", restarts: Int64 = 0
    ) -> PodView {
        var value: JSONValue = [
            "metadata": [
                "name": .string("pod-\(index)"), "namespace": "default", "uid": .string("pod-uid-\(index)"),
                "labels": ["app": "web"],
                "creationTimestamp": "2026-01-01T00:00:00Z",
            ],
            "spec": ["nodeName": .string(node)],
            "status": [
                "phase": .string(phase),
                "conditions": [
                    [
                        "type": "Ready", "status": .string(ready ? "True" : "False"),
                        "lastTransitionTime": .string(readySince),
                    ]
                ], "containerStatuses": [["restartCount": .integer(restarts)]],
            ],
        ]
        if terminating { value[path: "metadata", "deletionTimestamp"] = "2026-01-01T00:00:30Z" }
        return PodView(Resource(value: value, type: .pod))
    }

    static func pods(_ count: Int, ready: Bool = true) -> [PodView] { (0..<count).map { pod($0, ready: ready) } }

    static func observe(
        _ deployment: Resource, _ sets: [(Resource, [PodView])] = [], progressAge: Duration = .zero
    ) -> DeploymentObservation {
        let fields = DeploymentFields(deployment)
        return DeploymentObservation(
            deployment: deployment,
            replicaSets: sets.map {
                ObservedReplicaSet($0.0, pods: $0.1, minReadySeconds: fields.minReadySeconds, ages: [:])
            }, now: Timestamp(seconds: 1_800_000_000), progressAge: progressAge)
    }
}

/// Follows plans as the shell would, with pods that become ready when a test says so.
struct World {
    var deployment: Resource
    var sets: [String: Resource] = [:]
    /// Per ReplicaSet how many pods exist, and how many of them are ready.
    var pods: [String: (count: Int, ready: Int)] = [:]
    var events: [String] = []
    private var created = 0

    init(_ deployment: Resource) { self.deployment = deployment }

    var totalReady: Int { pods.values.reduce(0) { $0 + $1.ready } }
    var totalPods: Int { pods.values.reduce(0) { $0 + $1.count } }

    func observation() -> DeploymentObservation {
        Make.observe(
            deployment,
            sets.values.map { set in
                let (count, ready) = pods[set.name] ?? (0, 0)
                return (set, (0..<count).map { Make.pod($0, ready: $0 < ready) })
            })
    }

    /// One step of the Deployment and one of every ReplicaSet; false when nothing changed.
    mutating func step() -> Bool {
        let before = (sets, deployment, pods.mapValues(\.count))
        let plan = DeploymentPlan.plan(observation())
        if var new = plan.create {
            created += 1
            new.value[path: "metadata", "creationTimestamp"] = .string("2026-01-01T00:00:0\(created)Z")
            new.value[path: "metadata", "uid"] = .string("set-\(created)")
            sets[new.name] = new
        }
        for change in plan.changes {
            sets[change.name]?.value[path: "spec", "replicas"] = .integer(Int64(change.replicas))
            sets[change.name]?.annotations = change.annotations
        }
        for name in plan.delete {
            sets[name] = nil
            pods[name] = nil
        }
        if let revision = plan.revision { deployment.annotations[WherryLabels.deploymentRevision] = revision }
        deployment.value["status"] = plan.status
        events += plan.events.map(\.message)
        for (name, set) in sets {
            let wanted = set.value[path: "spec", "replicas"]?.intValue ?? 0
            let (_, ready) = pods[name] ?? (0, 0)
            // Unready ones are deleted first, as the ReplicaSet's preference says.
            pods[name] = (wanted, min(ready, wanted))
        }
        return before != (sets, deployment, pods.mapValues(\.count))
    }

    mutating func becomeReady(_ name: String? = nil) {
        for (key, (count, _)) in pods where name == nil || key == name { pods[key] = (count, count) }
    }

    /// Steps until quiet, with every pod becoming ready; `check` runs after each step.
    mutating func settle(_ check: (World) -> Void = { _ in }) {
        for _ in 0..<200 {
            let moved = step()
            check(self)
            let unready = totalPods - totalReady
            becomeReady()
            if !moved && unready == 0 { return }
        }
        Issue.record("the rollout did not come to an end")
    }

    func condition(_ type: String) -> JSONValue? {
        deployment.value[path: "status", "conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
    }

    mutating func setImage(_ image: String) {
        deployment.value[path: "spec", "template", "spec", "containers"] = [
            ["name": "c", "image": .string(image)]
        ]
        deployment.generation += 1
    }
}

@Suite struct PodTemplateTests {
    @Test func `the hash depends on the content alone`() {
        let template = Make.deployment().value[path: "spec", "template"] ?? [:]
        let hash = PodTemplate.hash(of: template, collisions: 0)
        var labelled = template
        labelled[path: "metadata", "labels", WherryLabels.podTemplateHash] = "x"
        #expect(PodTemplate.hash(of: labelled, collisions: 0) == hash)
        #expect(PodTemplate.areEqual(template, labelled))
        #expect(hash.utf8.allSatisfy { Array("bcdfghjklmnpqrstvwxz2456789".utf8).contains($0) })
        let other = Make.deployment(image: "a:2").value[path: "spec", "template"] ?? [:]
        #expect(PodTemplate.hash(of: other, collisions: 0) != hash)
        #expect(PodTemplate.hash(of: template, collisions: 1) != hash)
    }
}

@Suite struct ReplicaSetPlanTests {
    private func set(replicas: Int64) -> Resource {
        Resource(
            value: [
                "metadata": ["name": "web-x", "namespace": "default", "uid": "s", "generation": 2],
                "spec": [
                    "replicas": .integer(replicas), "template": ["metadata": ["labels": ["app": "web"]]],
                ],
            ], type: .replicaSet)
    }

    @Test func `missing pods are made, and ended or terminating ones do not count`() {
        let pods = [Make.pod(0), Make.pod(1, phase: "Failed"), Make.pod(2, terminating: true)]
        let plan = ReplicaSetPlan.plan(set(replicas: 3), pods: pods, ages: [:])
        #expect(plan.create == 2)
        #expect(plan.delete == [])
        #expect(plan.status["replicas"] == 1)
        #expect(plan.status["readyReplicas"] == 1)
        #expect(plan.status["fullyLabeledReplicas"] == 1)
        #expect(plan.status["observedGeneration"] == 2)
    }

    @Test func `surplus pods go in Kubernetes' order`() {
        let pods = [
            Make.pod(0), Make.pod(1, readySince: "2026-01-02T00:00:00Z"), Make.pod(2, restarts: 3),
            Make.pod(3, ready: false), Make.pod(4, ready: false, phase: "Pending"), Make.pod(5, ready: false, node: ""),
        ]
        let plan = ReplicaSetPlan.plan(set(replicas: 1), pods: pods, ages: [:])
        #expect(plan.delete == ["pod-5", "pod-4", "pod-3", "pod-1", "pod-2"])
    }

    @Test func `a pod is available after minReadySeconds, and the wait is told`() {
        var slow = set(replicas: 2)
        slow.value[path: "spec", "minReadySeconds"] = 10
        let plan = ReplicaSetPlan.plan(
            slow, pods: Make.pods(2), ages: ["pod-uid-0": .seconds(12), "pod-uid-1": .seconds(4)])
        #expect(plan.status["availableReplicas"] == 1)
        #expect(plan.recheck == .seconds(6))
    }
}

@Suite struct DeploymentPlanTests {
    @Test func `a new Deployment gets its ReplicaSet with Kubernetes' annotations and words`() throws {
        let deployment = Make.deployment(annotations: [
            WherryLabels.changeCause: "because", WherryLabels.lastApplied: "{}",
        ])
        let plan = DeploymentPlan.plan(Make.observe(deployment))
        let set = try #require(plan.create)
        let hash = try #require(set.labels[WherryLabels.podTemplateHash])
        #expect(set.name == "web-" + hash)
        #expect(set.labels == ["app": "web", "pod-template-hash": hash])
        #expect(set.value[path: "spec", "selector", "matchLabels", "pod-template-hash"]?.stringValue == hash)
        #expect(set.value[path: "spec", "template", "metadata", "labels", "app"] == "web")
        #expect(set.value[path: "spec", "replicas"] == 3)
        #expect(set.controllerOwner?.uid == "d-uid")
        #expect(
            set.annotations == [
                "deployment.kubernetes.io/revision": "1", "deployment.kubernetes.io/desired-replicas": "3",
                "deployment.kubernetes.io/max-replicas": "4", "kubernetes.io/change-cause": "because",
            ])
        #expect(plan.revision == "1")
        #expect(plan.events.map(\.message) == ["Scaled up replica set \(set.name) to 3 from 0"])
        #expect(plan.status["unavailableReplicas"] == 3)
        let progressing = plan.status["conditions"]?.arrayValue?.last
        #expect(progressing?["reason"] == "NewReplicaSetCreated")
    }

    @Test func `a finished rollout reads as kubectl rollout status expects`() {
        var world = World(Make.deployment())
        world.settle()
        #expect(world.deployment.value[path: "status", "observedGeneration"] == 1)
        for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
            #expect(world.deployment.value[path: "status", field] == 3)
        }
        #expect(world.deployment.value[path: "status", "unavailableReplicas"] == nil)
        #expect(world.condition("Available")?["reason"] == "MinimumReplicasAvailable")
        #expect(world.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
        let settled = world.deployment
        let moved = world.step()
        #expect(!moved, "a settled Deployment changes nothing")
        #expect(world.deployment == settled)
    }

    @Test(
        arguments: [
            ["maxSurge": 1, "maxUnavailable": 0], ["maxSurge": 0, "maxUnavailable": 1],
            ["maxSurge": "25%", "maxUnavailable": "25%"],
            ["maxSurge": "100%", "maxUnavailable": 0], ["maxSurge": 0, "maxUnavailable": 0],
        ] as [JSONValue])
    func `a rolling update stays between its bounds at every step`(bounds: JSONValue) {
        let strategy: JSONValue = ["type": "RollingUpdate", "rollingUpdate": bounds]
        var world = World(Make.deployment(replicas: 5, strategy: strategy))
        world.settle()
        let first = Set(world.sets.keys)
        world.setImage("a:2")
        let fields = DeploymentFields(world.deployment)
        world.settle { world in
            #expect(world.totalReady >= fields.minAvailable)
            #expect(world.totalPods <= 5 + fields.maxSurge)
        }
        for (name, set) in world.sets {
            #expect(set.value[path: "spec", "replicas"]?.intValue == (first.contains(name) ? 0 : 5))
        }
        #expect(world.deployment.annotations[WherryLabels.deploymentRevision] == "2")
        #expect(world.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
    }

    @Test func `a broken new version keeps the old one serving and runs into the deadline`() {
        let strategy: JSONValue = ["rollingUpdate": ["maxSurge": 1, "maxUnavailable": 0]]
        var world = World(Make.deployment(strategy: strategy, extra: ["progressDeadlineSeconds": 60]))
        world.settle()
        world.setImage("broken")
        for _ in 0..<10 { _ = world.step() }
        #expect(world.totalReady == 3)
        #expect(world.totalPods == 4)
        #expect(world.condition("Available")?["status"] == "True")
        let observation = world.observation()
        let waiting = DeploymentPlan.plan(
            DeploymentObservation(
                deployment: world.deployment, replicaSets: observation.replicaSets, now: observation.now,
                progressAge: .seconds(20)))
        #expect(waiting.recheck == .seconds(41))
        let late = DeploymentPlan.plan(
            DeploymentObservation(
                deployment: world.deployment, replicaSets: observation.replicaSets, now: observation.now,
                progressAge: .seconds(61)))
        let progressing = late.status["conditions"]?.arrayValue?.first { $0["type"] == "Progressing" }
        #expect(progressing?["reason"] == "ProgressDeadlineExceeded")
        #expect(progressing?["status"] == "False")
    }

    @Test func `going back to an old template uses its ReplicaSet with a new revision`() throws {
        var world = World(Make.deployment())
        world.settle()
        let original = try #require(world.sets.keys.first)
        world.setImage("a:2")
        world.settle()
        world.setImage("a:1")
        world.settle()
        #expect(world.sets.count == 2)
        #expect(world.sets[original]?.value[path: "spec", "replicas"] == 3)
        #expect(world.sets[original]?.annotations[WherryLabels.deploymentRevision] == "3")
        #expect(world.sets[original]?.annotations["deployment.kubernetes.io/revision-history"] == "1")
        #expect(world.deployment.annotations[WherryLabels.deploymentRevision] == "3")
    }

    @Test func `scaling keeps the ReplicaSet and says so`() throws {
        var world = World(Make.deployment())
        world.settle()
        let name = try #require(world.sets.keys.first)
        world.deployment.value[path: "spec", "replicas"] = 5
        world.settle()
        #expect(world.sets.count == 1)
        #expect(world.events.last == "Scaled up replica set \(name) to 5 from 3")
        world.deployment.value[path: "spec", "replicas"] = 0
        world.settle()
        #expect(world.totalPods == 0)
        #expect(world.events.last == "Scaled down replica set \(name) to 0 from 5")
        #expect(world.deployment.value[path: "status", "replicas"] == nil)
    }

    @Test func `scaling in the middle of a rollout is spread and then finished`() {
        let strategy: JSONValue = ["rollingUpdate": ["maxSurge": 3, "maxUnavailable": 2]]
        var world = World(Make.deployment(replicas: 10, strategy: strategy))
        world.settle()
        world.setImage("a:2")
        _ = world.step()
        _ = world.step()
        world.deployment.value[path: "spec", "replicas"] = 20
        _ = world.step()
        #expect(world.totalPods <= 23)
        #expect(world.totalPods > 13)
        world.settle()
        #expect(world.totalPods == 20)
        #expect(world.sets.values.filter { $0.value[path: "spec", "replicas"] != 0 }.count == 1)
    }

    @Test func `Recreate starts the new version only when nothing of the old one runs`() throws {
        let deployment = Make.deployment(strategy: ["type": "Recreate"])
        var world = World(deployment)
        world.settle()
        let old = try #require(world.sets.values.first)
        world.setImage("a:2")
        let down = DeploymentPlan.plan(world.observation())
        #expect(down.create == nil)
        #expect(down.changes.map(\.replicas) == [0])
        var drained = old
        drained.value[path: "spec", "replicas"] = 0
        let leaving = Make.observe(world.deployment, [(drained, [Make.pod(0, terminating: true)])])
        #expect(DeploymentPlan.plan(leaving).create == nil)
        #expect(DeploymentPlan.plan(Make.observe(world.deployment, [(drained, [])])).create != nil)
    }

    @Test func `a paused Deployment makes no new version but scales, and goes on when resumed`() {
        var world = World(Make.deployment())
        world.settle()
        world.deployment.value[path: "spec", "paused"] = true
        world.setImage("a:2")
        world.settle()
        #expect(world.sets.count == 1)
        #expect(world.condition("Progressing")?["reason"] == "DeploymentPaused")
        world.deployment.value[path: "spec", "replicas"] = 4
        world.settle()
        #expect(world.totalPods == 4)
        world.deployment.value[path: "spec", "paused"] = nil
        world.settle()
        #expect(world.sets.count == 2)
        #expect(world.totalPods == 4)
        #expect(world.condition("Progressing")?["reason"] == "NewReplicaSetAvailable")
    }

    @Test func `old revisions beyond the limit are removed`() {
        var world = World(Make.deployment(extra: ["revisionHistoryLimit": 2]))
        for version in 1...6 {
            world.setImage("a:\(version)")
            world.settle()
        }
        #expect(world.sets.count == 3)
        let revisions = world.sets.values.compactMap { $0.annotations[WherryLabels.deploymentRevision] }
        #expect(Set(revisions) == ["4", "5", "6"])
    }

    @Test func `a Deployment that is being deleted makes nothing`() {
        var deployment = Make.deployment()
        deployment.value[path: "metadata", "deletionTimestamp"] = "2026-01-01T00:00:00Z"
        let plan = DeploymentPlan.plan(Make.observe(deployment))
        #expect(plan.create == nil)
        #expect(plan.events.isEmpty)
    }
}

@Suite struct WorkQueueTests {
    @Test func `failures back off to a minute and success forgets them`() {
        var queue = WorkQueue<WorkItem>()
        let delays = (0..<20).map { _ in queue.failed(.resync) }
        #expect(delays.first == .milliseconds(50))
        #expect(delays[1] == .milliseconds(100))
        #expect(delays.last == .seconds(60))
        queue.succeeded(.resync)
        let again = queue.failed(.resync)
        #expect(again == .milliseconds(50))
    }

    @Test func `only an earlier timer is added`() {
        var queue = WorkQueue<WorkItem>()
        let answers = [10, 20, 5].map { queue.schedule(.resync, after: .seconds($0)) }
        #expect(answers == [true, false, true])
        queue.begun(.resync)
        let afterwards = queue.schedule(.resync, after: .seconds(20))
        #expect(afterwards)
    }
}
