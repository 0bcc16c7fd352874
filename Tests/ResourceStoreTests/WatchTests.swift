import JSON
import ResourceStore
import Resources
import SQLite
import Testing

@Suite struct WatchTests {
    private func take(_ count: Int, _ stream: WatchStream) async throws -> [String] {
        var iterator = stream.makeAsyncIterator()
        var seen: [String] = []
        while seen.count < count, let event = try await iterator.next() {
            seen.append("\(event.kind) \(event.resource.name)")
        }
        return seen
    }

    @Test(.timeLimit(.minutes(5)))
    func `a watch sees adds, changes and deletions in order`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        let stream = try await store.watch([.pod])
        let key = try await store.create(Fixture.pod("a")).key
        _ = try await store.create(Fixture.configMap("not me"))
        try await store.update(key) { $0.labels = ["x": "y"] }
        let last = try await store.delete(key).resource
        var iterator = stream.makeAsyncIterator()
        #expect(try await iterator.next()?.kind == .added)
        let modified = try #require(try await iterator.next())
        #expect(modified.kind == .modified)
        #expect(modified.previous?.labels == [:])
        let deleted = try #require(try await iterator.next())
        #expect(deleted.kind == .deleted)
        #expect(deleted.resourceVersion == last.resourceVersion)
        #expect(version(deleted.resource) > version(modified.resource))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a watch since a listed version misses and repeats nothing`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        _ = try await store.create(Fixture.pod("before"))
        let list = try await store.list(.pod)
        #expect(list.items.map(\.name) == ["before"])
        _ = try await store.create(Fixture.pod("between"))
        try await store.delete(Fixture.pod("before").key)
        let stream = try await store.watch([.pod], since: list.resourceVersion)
        _ = try await store.create(Fixture.pod("after"))
        #expect(try await take(3, stream) == ["added between", "deleted before", "added after"])
    }

    @Test(.timeLimit(.minutes(5)))
    func `a watch since 0 begins with what is there`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Fixture.pod("a"))
        let stream = try await fixture.store.watch([.pod], since: "0")
        _ = try await fixture.store.create(Fixture.pod("b"))
        #expect(try await take(2, stream) == ["added a", "added b"])
    }

    @Test func `a version that history no longer holds is 410 with Kubernetes' message`() async throws {
        let fixture = try await Fixture(historyLimit: 10)
        let store = fixture.store
        let start = store.latestVersion
        for index in 0..<20 { _ = try await store.create(Fixture.pod("p\(index)")) }
        let error = await status { _ = try await store.watch([.pod], since: start) }
        #expect(error?.code == 410)
        #expect(error?.reason == .expired)
        let floor = (Int64(store.latestVersion) ?? 0) - 10
        #expect(error?.message == "too old resource version: \(start) (\(floor))")
        let stream = try await store.watch([.pod], since: String(floor))
        #expect(try await take(10, stream).count == 10)
        let wrong = await status { _ = try await store.watch([.pod], since: "x") }
        #expect(wrong?.code == 400)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a namespace's watch sees nothing of another one`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Fixture.namespace("other"))
        let stream = try await fixture.store.watch([.pod], namespace: "default")
        _ = try await fixture.store.create(Fixture.pod("a", namespace: "other"))
        _ = try await fixture.store.create(Fixture.pod("b"))
        #expect(try await take(1, stream) == ["added b"])
    }

    @Test(.timeLimit(.minutes(5)))
    func `a consumer that falls behind gets 410 and not endless memory`() async throws {
        let fixture = try await Fixture()
        let stream = try await fixture.store.watch([.pod])
        try await fixture.store.transaction { transaction in
            for index in 0..<1_100 { try transaction.create(Fixture.pod("p\(index)")) }
        }
        var iterator = stream.makeAsyncIterator()
        let error = await status { while try await iterator.next() != nil {} }
        #expect(error?.code == 410)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a bookmark comes behind the waiting events and carries the latest version`() async throws {
        let fixture = try await Fixture()
        let stream = try await fixture.store.watch([.pod])
        _ = try await fixture.store.create(Fixture.pod("a"))
        _ = try await fixture.store.create(Fixture.configMap("m"))
        stream.requestBookmark()
        var iterator = stream.makeAsyncIterator()
        #expect(try await iterator.next()?.kind == .added)
        let bookmark = try #require(try await iterator.next())
        #expect(bookmark.kind == .bookmark)
        #expect(bookmark.resourceVersion == fixture.store.latestVersion)
        #expect(bookmark.resource.type == .pod)
    }

    @Test(.timeLimit(.minutes(5)))
    func `closing the store and cancelling the task end a watch`() async throws {
        let fixture = try await Fixture()
        let stream = try await fixture.store.watch([.pod])
        let cancelled = try await fixture.store.watch([.pod])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for try await _ in cancelled {} }
            group.cancelAll()
            try await group.waitForAll()
        }
        await fixture.store.close()
        for try await _ in stream { Issue.record("an event of a closed store") }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a change feed coalesces keys and never overflows`() async throws {
        let fixture = try await Fixture()
        let feed = fixture.store.changes(of: [.pod])
        let key = try await fixture.store.create(Fixture.pod("a")).key
        for index in 0..<200 {
            try await fixture.store.transaction { transaction in
                try transaction.update(key) { $0.labels = ["n": String(index)] }
            }
        }
        var iterator = feed.makeAsyncIterator()
        #expect(await iterator.next() == [key])
        feed.mark([Fixture.pod("marked").key])
        #expect(await iterator.next() == [Fixture.pod("marked").key])
    }
}

@Suite struct EventTests {
    @Test func `a repeated occurrence is one event with a count`() async throws {
        let fixture = try await Fixture()
        let pod = try await fixture.store.create(Fixture.pod("a"))
        let recorder = EventRecorder(store: fixture.store, component: "kubelet", host: "n")
        for _ in 0..<3 {
            await recorder.record(
                type: "Warning", reason: "BackOff", message: "again", on: pod, fieldPath: "spec.containers{c}")
        }
        await recorder.record(reason: "Pulled", message: "got it", on: pod)
        let events = try await fixture.store.list(.event, namespace: "default").items
        #expect(events.count == 2)
        let folded = try #require(events.first { $0.value["reason"] == "BackOff" })
        #expect(folded.value["count"] == 3)
        #expect(folded.value["type"] == "Warning")
        #expect(folded.value[path: "involvedObject", "uid"]?.stringValue == pod.uid)
        #expect(folded.value[path: "involvedObject", "fieldPath"] == "spec.containers{c}")
        #expect(folded.value[path: "source", "component"] == "kubelet")
        #expect(try folded.decode(as: Event.self).reportingInstance == "n")
    }

    @Test func `events write nothing to disk within a block of versions`() async throws {
        let fixture = try await Fixture()
        let pod = try await fixture.store.create(Fixture.pod("a"))
        let before = try await fixture.store.withDatabase { $0.totalChanges }
        let recorder = EventRecorder(store: fixture.store, component: "test")
        for index in 0..<300 { await recorder.record(reason: "R", message: "\(index)", on: pod) }
        #expect(try await fixture.store.withDatabase { $0.totalChanges } <= before + 1)
        #expect(try await fixture.store.list(.event).items.count == 300)
    }

    @Test func `events are bounded by number and by age`() async throws {
        let clock = TestUptime()
        let fixture = try await Fixture(uptime: { clock.seconds })
        let pod = try await fixture.store.create(Fixture.pod("a"))
        let recorder = EventRecorder(store: fixture.store, component: "test")
        for index in 0..<1_200 {
            clock.seconds = Int64(index)
            await recorder.record(reason: "R", message: "\(index)", on: pod)
        }
        let events = try await fixture.store.list(.event).items
        #expect(events.count <= 1_000)
        #expect(events.contains { $0.value["message"] == "1199" })
        #expect(!events.contains { $0.value["message"] == "0" })
        clock.seconds = 1_199 + 3_600
        #expect(try await fixture.store.list(.event).items.isEmpty)
    }
}
