import JSON
import Linux
import ResourceStore
import Resources
import SQLite
import Testing

@Suite struct CreateTests {
    @Test func `a created object has identity, time, version and generation`() async throws {
        let fixture = try await Fixture()
        let deployment = try await fixture.store.create(Fixture.deployment("web"))
        #expect(deployment.uid.utf8.count == 36)
        #expect(Timestamp(deployment.creationTimestamp ?? "") != nil)
        #expect(deployment.generation == 1)
        let second = try await fixture.store.create(Fixture.deployment("web2"))
        #expect(version(second) > version(deployment))
        #expect(second.uid != deployment.uid)
        #expect(try await fixture.store.get(deployment.key) == deployment)
    }

    @Test func `a uid that is set is kept`() async throws {
        let fixture = try await Fixture()
        var pod = Fixture.pod("a")
        pod.value[path: "metadata", "uid"] = "1234"
        #expect(try await fixture.store.create(pod).uid == "1234")
    }

    @Test func `an existing name is refused in Kubernetes' words`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Fixture.deployment("web"))
        let error = await status { _ = try await fixture.store.create(Fixture.deployment("web")) }
        #expect(error?.code == 409)
        #expect(error?.message == "deployments.apps \"web\" already exists")
    }

    @Test func `a generated name is the prefix and five safe characters`() async throws {
        let fixture = try await Fixture()
        var pod = Fixture.pod("")
        pod.value[path: "metadata", "name"] = nil
        pod.value[path: "metadata", "generateName"] = "web-"
        let created = try await fixture.store.create(pod)
        #expect(created.name.hasPrefix("web-"))
        #expect(created.name.utf8.count == 9)
        #expect(created.name.dropFirst(4).allSatisfy { "bcdfghjklmnpqrstvwxz2456789".contains($0) })
    }

    @Test func `a namespace that is missing or being deleted refuses new objects`() async throws {
        let fixture = try await Fixture()
        let missing = await status { _ = try await fixture.store.create(Fixture.pod("a", namespace: "x")) }
        #expect(missing?.message == "namespaces \"x\" not found")
        _ = try await fixture.store.create(Fixture.namespace("x"))
        _ = try await fixture.store.create(Fixture.pod("a", namespace: "x"))
        _ = try await fixture.store.delete(Fixture.namespaceKey("x"))
        let refused = await status { _ = try await fixture.store.create(Fixture.pod("b", namespace: "x")) }
        #expect(refused?.code == 403)
        #expect(refused?.message.contains("because it is being terminated") == true)
        #expect(
            try await fixture.store.get(Fixture.namespaceKey("x")).value[path: "status", "phase"] == "Terminating")
    }

    @Test func `a dry run shows the result and changes nothing`() async throws {
        let fixture = try await Fixture()
        let before = fixture.store.latestVersion
        #expect(try await fixture.store.create(Fixture.pod("a"), dryRun: true).uid.isEmpty == false)
        #expect(try await fixture.store.find(Fixture.pod("a").key) == nil)
        #expect(fixture.store.latestVersion == before)
        #expect(try await fixture.store.list(.pod).resourceVersion == before)
    }
}

@Suite struct ReplaceTests {
    @Test func `an outdated version is a conflict in Kubernetes' words`() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.store.create(Fixture.deployment("web"))
        var second = first
        second.value[path: "spec", "replicas"] = 2
        _ = try await fixture.store.replace(second)
        second.value[path: "spec", "replicas"] = 3
        let stale = second
        let error = await status { _ = try await fixture.store.replace(stale) }
        #expect(error?.reason == .conflict)
        #expect(
            error?.message
                == "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; "
                + "please apply your changes to the latest version and try again")
        second.resourceVersion = ""
        #expect(try await fixture.store.replace(second).value[path: "spec", "replicas"] == 3)
    }

    @Test func `a spec change counts a generation, a label change does not, no change writes nothing`() async throws {
        let fixture = try await Fixture()
        var web = try await fixture.store.create(Fixture.deployment("web"))
        web.value[path: "spec", "replicas"] = 2
        web = try await fixture.store.replace(web)
        #expect(web.generation == 2)
        web.labels = ["a": "b"]
        web = try await fixture.store.replace(web)
        #expect(web.generation == 2)
        let changes = try await fixture.store.withDatabase { $0.totalChanges }
        #expect(try await fixture.store.replace(web).resourceVersion == web.resourceVersion)
        #expect(try await fixture.store.withDatabase { $0.totalChanges } == changes)
    }

    @Test func `status and the rest are written apart`() async throws {
        let fixture = try await Fixture()
        var web = try await fixture.store.create(Fixture.deployment("web"))
        web.value[path: "status", "replicas"] = 7
        web.value[path: "spec", "replicas"] = 2
        web.labels = ["a": "b"]
        let plain = try await fixture.store.replace(web)
        #expect(plain.value["status"] == nil)
        #expect(plain.value[path: "spec", "replicas"] == 2)
        web.value[path: "spec", "replicas"] = 9
        web.resourceVersion = ""
        let withStatus = try await fixture.store.replace(web, subresource: .status)
        #expect(withStatus.value[path: "status", "replicas"] == 7)
        #expect(withStatus.value[path: "spec", "replicas"] == 2)
        #expect(withStatus.generation == 2)
    }

    @Test func `identity cannot be rewritten`() async throws {
        let fixture = try await Fixture()
        let web = try await fixture.store.create(Fixture.deployment("web"))
        var other = web
        other.value[path: "metadata", "creationTimestamp"] = "1970-01-01T00:00:00Z"
        other.value[path: "metadata", "generation"] = 99
        #expect(try await fixture.store.replace(other).value == web.value)
        other.value[path: "metadata", "uid"] = "other"
        let foreign = other
        let error = await status { _ = try await fixture.store.replace(foreign) }
        #expect(error?.code == 409)
    }

    @Test func `many updates at once lose none`() async throws {
        let fixture = try await Fixture()
        let key = try await fixture.store.create(Fixture.deployment("web", replicas: 0)).key
        let store = fixture.store
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    try await store.update(key) {
                        $0.value[path: "spec", "replicas"] = .integer(
                            Int64(($0.value[path: "spec", "replicas"]?.intValue ?? 0) + 1))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await fixture.store.get(key).value[path: "spec", "replicas"] == 50)
    }
}

@Suite struct DeleteTests {
    @Test func `an unbound pod goes at once, a bound one is marked, and grace 0 removes it`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        _ = try await store.create(Fixture.pod("free"))
        guard case .deleted = try await store.delete(Fixture.pod("free").key) else {
            Issue.record("an unbound pod waited")
            return
        }
        let key = try await store.create(Fixture.pod("bound", node: "n")).key
        guard case .marked(let marked) = try await store.delete(key) else {
            Issue.record("a bound pod went at once")
            return
        }
        #expect(marked.isTerminating)
        #expect(marked.value[path: "metadata", "deletionGracePeriodSeconds"] == 30)
        let again = try await store.delete(key)
        #expect(again.resource.resourceVersion == marked.resourceVersion, "the same delete again changes nothing")
        let shorter = try await store.delete(key, DeleteOptions(gracePeriodSeconds: 5))
        #expect(shorter.resource.value[path: "metadata", "deletionGracePeriodSeconds"] == 5)
        _ = try await store.delete(key, DeleteOptions(gracePeriodSeconds: 0))
        #expect(try await store.find(key) == nil)
    }

    @Test func `a bound pod that has ended goes at once`() async throws {
        let fixture = try await Fixture()
        let key = try await fixture.store.create(Fixture.pod("done", node: "n")).key
        try await fixture.store.update(key, subresource: .status) { $0.value[path: "status", "phase"] = "Succeeded" }
        _ = try await fixture.store.delete(key)
        #expect(try await fixture.store.find(key) == nil)
    }

    @Test func `finalizers hold an object until the last one goes`() async throws {
        let fixture = try await Fixture()
        var map = Fixture.configMap("m")
        map.finalizers = ["a", "b"]
        let key = try await fixture.store.create(map).key
        guard case .marked = try await fixture.store.delete(key) else {
            Issue.record("finalizers did not hold")
            return
        }
        try await fixture.store.update(key) { $0.finalizers = ["b"] }
        #expect(try await fixture.store.find(key) != nil)
        try await fixture.store.update(key) { $0.finalizers = [] }
        #expect(try await fixture.store.find(key) == nil)
    }

    @Test func `foreground deletion marks the owner and counts a generation`() async throws {
        let fixture = try await Fixture()
        let key = try await fixture.store.create(Fixture.deployment("web")).key
        let outcome = try await fixture.store.delete(key, DeleteOptions(propagation: .foreground))
        #expect(outcome.resource.finalizers == ["foregroundDeletion"])
        #expect(outcome.resource.generation == 2)
    }

    @Test func `a wrong precondition or a system namespace is refused`() async throws {
        let fixture = try await Fixture()
        let key = try await fixture.store.create(Fixture.configMap("m")).key
        let conflict = await status { _ = try await fixture.store.delete(key, DeleteOptions(uid: "x")) }
        #expect(conflict?.code == 409)
        let refused = await status { _ = try await fixture.store.delete(Fixture.namespaceKey("default")) }
        #expect(refused?.message == "namespaces \"default\" is forbidden: this namespace may not be deleted")
    }
}

@Suite struct TransactionTests {
    @Test func `a transaction that throws leaves no object, no version and no event`() async throws {
        struct Stop: Error {}
        let fixture = try await Fixture()
        let watch = try await fixture.store.watch([.pod, .event])
        let before = fixture.store.latestVersion
        await #expect(throws: Stop.self) {
            try await fixture.store.transaction { transaction in
                try transaction.create(Fixture.pod("a"))
                try transaction.create(
                    Resource(value: ["metadata": ["name": "e", "namespace": "default"]], type: .event))
                throw Stop()
            }
        }
        #expect(try await fixture.store.list(.pod).items.isEmpty)
        #expect(try await fixture.store.list(.event).items.isEmpty)
        #expect(fixture.store.latestVersion == before)
        _ = try await fixture.store.create(Fixture.pod("b"))
        var iterator = watch.makeAsyncIterator()
        #expect(try await iterator.next()?.resource.name == "b")
    }

    @Test func `a full disk is a 507 and leaves the store usable`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        let pages = try await store.withDatabase { try $0.first("PRAGMA page_count") { $0.integer(0) } ?? 0 }
        try await store.withDatabase { try $0.execute("PRAGMA max_page_count=\(pages + 2)") }
        let big = String(repeating: "x", count: 100_000)
        let error = await status { _ = try await store.create(Fixture.configMap("big", big)) }
        #expect(error?.code == 507)
        #expect(error?.message.contains("disk") == true)
        #expect(try await store.find(Fixture.configMap("big").key) == nil)
        #expect(Files.exists(fixture.path + ".reserve"), "the reserve is for deletions only")
        try await store.withDatabase { try $0.execute("PRAGMA max_page_count=1000000") }
        _ = try await store.create(Fixture.configMap("big", big))
        #expect(try await store.withDatabase { try $0.problems(full: true) } == [])
    }
}

@Suite struct RestartTests {
    @Test func `versions only grow over restarts, also those of events that were only in memory`() async throws {
        var folder = try Fixture.makeFolder()
        var last: Int64 = 0
        for round in 0..<3 {
            let fixture = try await Fixture(folder: folder)
            let pod = try await fixture.store.create(Fixture.pod("p\(round)"))
            #expect(version(pod) > last)
            let recorder = EventRecorder(store: fixture.store, component: "test")
            for index in 0..<40 { await recorder.record(reason: "R", message: "m\(index)", on: pod) }
            let events = try await fixture.store.list(.event).items
            last = events.map { version($0) }.max() ?? 0
            #expect(last >= version(pod) + 40)
            folder = try fixture.crashedCopy()
        }
        try Files.removeTree(folder)
    }

    @Test func `objects are there after a crash and events are not`() async throws {
        let crashed = try await Fixture()
        let pod = try await crashed.store.create(Fixture.pod("a"))
        await EventRecorder(store: crashed.store, component: "test").record(reason: "R", message: "m", on: pod)
        let fixture = try await Fixture(folder: try crashed.crashedCopy())
        #expect(fixture.store.recovery == .verified)
        #expect(try await fixture.store.get(pod.key) == pod)
        #expect(try await fixture.store.list(.event).items.isEmpty)
    }

    @Test func `a proper close opens clean and removes the log`() async throws {
        let folder = try Fixture.makeFolder()
        let store = try Store(path: folder + "/state.db")
        _ = try await store.create(Fixture.namespace("default"))
        await store.close()
        #expect(try Files.listDirectory(folder).sorted() == ["state.db", "state.db.reserve"])
        #expect(try await Fixture(folder: folder).store.recovery == .clean)
    }

    @Test func `a damaged database comes back from its snapshot with far higher versions`() async throws {
        let folder = try Fixture.makeFolder()
        let store = try Store(path: folder + "/state.db")
        _ = try await store.create(Fixture.namespace("default"))
        #expect(try await store.snapshotIfDue())
        #expect(try await !store.snapshotIfDue(), "nothing changed since")
        let lost = try await store.create(Fixture.pod("lost"))
        await store.close()
        try Files.writeAtomically([UInt8](repeating: 9, count: 30_000), to: folder + "/state.db")
        let fixture = try await Fixture(folder: folder)
        #expect(fixture.store.recovery.lostContent)
        #expect(try await fixture.store.find(lost.key) == nil)
        #expect(version(try await fixture.store.create(Fixture.pod("new"))) > version(lost) + 1_000_000)
    }

    @Test func `a database of a newer version is refused`() async throws {
        let folder = try Fixture.makeFolder()
        let store = try Store(
            path: folder + "/state.db", migrations: [Migration(id: 399, sql: "CREATE TABLE x (y)")])
        await store.close()
        let error = #expect(throws: SQLiteError.self) { try Store(path: folder + "/state.db") }
        #expect(error?.code == .newerSchema)
        try Files.removeTree(folder)
    }
}
