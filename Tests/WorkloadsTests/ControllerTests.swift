import JSON
import Logging
import ResourceStore
import Resources
import ServiceLifecycle
import Testing

@testable import Workloads

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A store with running controllers, in a folder of its own.
final class Cluster: Sendable {
    let store: Store
    private let folder: String

    init(holdsMirrors: Bool = false) throws {
        var template = Array("/tmp/wherry-workloads-XXXXXX".utf8CString)
        let path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        folder = try #require(path)
        store = try Store(path: folder + "/state.db", holdsMirrors: holdsMirrors)
    }

    deinit {
        for suffix in ["", "-wal", "-shm", ".reserve"] { unlink(folder + "/state.db" + suffix) }
        rmdir(folder)
    }

    /// Runs the controllers while `body` runs.
    static func run(
        _ scope: Controllers.Scope = .device, _ body: @escaping @Sendable (Cluster) async throws -> Void
    ) async throws {
        let cluster = try Cluster(holdsMirrors: scope == .hub)
        let store = cluster.store
        try await DefaultNamespaces.ensure(in: store)
        let recorder = EventRecorder(store: store, component: "test")
        let controllers = Controllers(
            store: store, scope: scope, recorder: recorder,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controllers.run() }
            do { try await body(cluster) } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
            try await group.waitForAll()
        }
        await store.close()
    }

    /// Waits until `condition` holds, looking again after every change; fails after ten seconds.
    func eventually(
        _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: @escaping @Sendable (Store) async throws -> Bool
    ) async throws {
        let feed = store.changes(of: Set(ResourceType.all))
        let met = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { [store] in
                if try await condition(store) { return true }
                for await _ in feed { if try await condition(store) { return true } }
                return false
            }
            group.addTask {
                try await Task.sleep(for: .seconds(120))  // the deadline
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        if !met { Issue.record(what, sourceLocation: sourceLocation) }
    }

    func apply(_ name: String = "web", replicas: Int64 = 3, image: String = "a:1") async throws -> Resource {
        try await store.create(
            Resource(
                value: [
                    "metadata": ["name": .string(name), "namespace": "default"],
                    "spec": [
                        "replicas": .integer(replicas), "selector": ["matchLabels": ["app": .string(name)]],
                        "template": [
                            "metadata": ["labels": ["app": .string(name)]],
                            "spec": ["containers": [["name": "c", "image": .string(image)]]],
                        ],
                    ],
                ], type: .deployment))
    }

    func pods() async throws -> [Resource] { try await store.list(.pod).items }

    /// Plays the agent: every pod is bound, runs and is ready.
    func makeReady() async throws {
        for pod in try await pods() where !pod.isTerminating {
            try await store.update(pod.key) { $0.value[path: "spec", "nodeName"] = "n" }
            try await store.update(pod.key, subresource: .status) {
                $0.value["status"] = [
                    "phase": "Running",
                    "conditions": [
                        ["type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"]
                    ],
                ]
            }
        }
    }

    /// Plays the agent: pods on their way out are gone.
    func finishTerminating() async throws {
        for pod in try await pods() where pod.isTerminating {
            try await store.delete(pod.key, DeleteOptions(gracePeriodSeconds: 0))
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct ControllerTests {
    @Test func `an applied Deployment becomes pods with owners, labels and events`() async throws {
        try await Cluster.run { cluster in
            let deployment = try await cluster.apply()
            try await cluster.eventually("no three pods") { try await $0.list(.pod).items.count == 3 }
            let set = try #require(try await cluster.store.list(.replicaSet).items.first)
            #expect(set.controllerOwner?.uid == deployment.uid)
            for pod in try await cluster.pods() {
                #expect(pod.controllerOwner?.uid == set.uid)
                #expect(pod.name.hasPrefix(set.name + "-"))
                #expect(pod.labels["pod-template-hash"] != nil)
                #expect(pod.value[path: "status", "phase"] == "Pending")
            }
            try await cluster.makeReady()
            try await cluster.eventually("not available") { store in
                try await store.get(deployment.key).value[path: "status", "availableReplicas"] == 3
            }
            let done = try await cluster.store.get(deployment.key)
            #expect(done.annotations[WherryLabels.deploymentRevision] == "1")
            try await cluster.eventually("ReplicaSet status") { store in
                try await store.get(set.key).value[path: "status", "availableReplicas"] == 3
            }
            let messages = try await cluster.store.list(.event).items.compactMap { $0.value["message"]?.stringValue }
            #expect(messages.contains("Scaled up replica set \(set.name) to 3 from 0"))
            #expect(messages.filter { $0.hasPrefix("Created pod: ") }.count == 3)
        }
    }

    @Test func `a settled cluster writes nothing`() async throws {
        try await Cluster.run { cluster in
            let deployment = try await cluster.apply(replicas: 1)
            try await cluster.eventually("no pod") { try await $0.list(.pod).items.count == 1 }
            try await cluster.makeReady()
            try await cluster.eventually("not complete") { store in
                try await store.get(deployment.key).value[path: "status", "conditions"]?.arrayValue?
                    .contains { $0["reason"] == "NewReplicaSetAvailable" } == true
            }
            try await cluster.eventually("ReplicaSet status") { store in
                try await store.list(.replicaSet).items.allSatisfy {
                    $0.value[path: "status", "availableReplicas"] == 1
                }
            }
            let version = cluster.store.latestVersion
            // A no-op write wakes nobody; a change of another kind shows that the loop has been through.
            _ = try await cluster.store.create(
                Resource(value: ["metadata": ["name": "m", "namespace": "default"]], type: .configMap))
            let last = (Int64(version) ?? 0) + 1
            #expect(cluster.store.latestVersion == String(last))
        }
    }

    @Test func `a deleted pod is replaced and a relabelled one is let go`() async throws {
        try await Cluster.run { cluster in
            _ = try await cluster.apply(replicas: 2)
            try await cluster.eventually("no pods") { try await $0.list(.pod).items.count == 2 }
            let victim = try #require(try await cluster.pods().first)
            try await cluster.store.delete(victim.key)
            try await cluster.eventually("not replaced") { store in
                let pods = try await store.list(.pod).items
                return pods.count == 2 && !pods.contains { $0.uid == victim.uid }
            }
            let freed = try #require(try await cluster.pods().first)
            try await cluster.store.update(freed.key) { $0.labels["app"] = "debug" }
            try await cluster.eventually("not let go") { store in
                let pods = try await store.list(.pod).items
                return pods.count == 3 && pods.contains { $0.uid == freed.uid && $0.controllerOwner == nil }
            }
            try await cluster.store.update(freed.key) { $0.labels["app"] = "web" }
            try await cluster.eventually("not taken back") { store in
                let pods = try await store.list(.pod).items
                return pods.count == 2 && pods.allSatisfy { $0.controllerOwner != nil }
            }
        }
    }

    @Test func `a rollout replaces pods and a rollback brings the old ones back`() async throws {
        try await Cluster.run { cluster in
            let key = try await cluster.apply(replicas: 2).key
            let play: @Sendable (String) async throws -> Void = { image in
                try await cluster.eventually("rollout to \(image) did not finish") { store in
                    try await cluster.makeReady()
                    try await cluster.finishTerminating()
                    let pods = try await store.list(.pod).items
                    return pods.count == 2
                        && pods.allSatisfy {
                            $0.value[path: "spec", "containers"]?.arrayValue?.first?["image"]?.stringValue == image
                        }
                }
            }
            try await play("a:1")
            let template = try await cluster.store.get(key).value[path: "spec", "template"]
            try await cluster.store.update(key) {
                $0.value[path: "spec", "template", "spec", "containers"] = [["name": "c", "image": "a:2"]]
            }
            try await play("a:2")
            try await cluster.store.update(key) { $0.value[path: "spec", "template"] = template }
            try await play("a:1")
            #expect(try await cluster.store.list(.replicaSet).items.count == 2)
            #expect(try await cluster.store.get(key).annotations[WherryLabels.deploymentRevision] == "3")
        }
    }

    @Test func `a template that no pod can have is reported and retried`() async throws {
        try await Cluster.run { cluster in
            let set = Resource(
                value: [
                    "metadata": ["name": "bad", "namespace": "default"],
                    "spec": [
                        "replicas": 1, "selector": ["matchLabels": ["app": "bad"]],
                        "template": ["metadata": ["labels": ["app": "bad"]], "spec": ["containers": []]],
                    ],
                ], type: .replicaSet)
            let key = try await cluster.store.create(set).key
            try await cluster.eventually("failure is not reported") { store in
                try await store.get(key).value[path: "status", "conditions"]?.arrayValue?
                    .contains { $0["type"] == "ReplicaFailure" && $0["reason"] == "FailedCreate" } == true
            }
            #expect(try await cluster.pods().isEmpty)
        }
    }

    @Test func `a quota leaves what it has room for, says so, and lets the rest follow when it grows`() async throws {
        try await Cluster.run { cluster in
            let quota = Resource(
                value: ["metadata": ["name": "q", "namespace": "default"], "spec": ["hard": ["pods": "2"]]],
                type: .resourceQuota)
            let quotaKey = try await cluster.store.create(quota).key
            _ = try await cluster.apply(replicas: 3)
            try await cluster.eventually("not two pods with a failure") { store in
                let pods = try await store.list(.pod).items.count
                let failures = try await store.list(.replicaSet).items.first?
                    .value[path: "status", "conditions"]?.arrayValue?.first { $0["type"] == "ReplicaFailure" }
                let used = try await store.get(quotaKey).value[path: "status", "used"]
                return pods == 2 && failures?["message"]?.stringValue?.contains("exceeded quota: q") == true
                    && used == ["pods": "2"]
            }
            try await cluster.store.update(quotaKey) { $0.value[path: "spec", "hard"] = ["pods": "5"] }
            try await cluster.eventually("the third pod is not made") { store in
                let failed = try await store.list(.replicaSet).items.first?.value[path: "status", "conditions"]
                return try await store.list(.pod).items.count == 3 && failed == nil
            }
        }
    }
}
