import JSON
import Linux
import ResourceStore
import Resources
import Synchronization
import Testing

/// How many writers have begun.
private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}

@Suite struct SharedCommitTests {
    private static func map(_ name: String) -> Resource {
        Resource(value: ["metadata": ["name": .string(name), "namespace": "default"]], type: .configMap)
    }

    /// Many writers at once while the store's thread is busy, so that their writes become one batch.
    private func write(_ names: [String], to store: Store) async -> [String: Result<Resource, StatusError>] {
        let begun = Counter()
        return await withTaskGroup(of: (String, Result<Resource, StatusError>).self) { group in
            group.addTask {
                try? await store.transaction { _ in
                    while begun.value < names.count { sched_yield() }
                }
                return ("", .failure(.badRequest("no write")))
            }
            for (index, name) in names.enumerated() {
                group.addTask {
                    let key = "\(index) \(name)"
                    begun.add()
                    do { return (key, .success(try await store.create(Self.map(name)))) } catch {
                        return (key, .failure(error as? StatusError ?? .internalError("\(error)")))
                    }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    @Test func `writes that share a commit are refused alone, and watchers see what was kept`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        _ = try await store.create(Self.map("taken"))
        let stream = try await store.watch([.configMap])
        let names = (0..<60).map { $0 % 3 == 1 ? "taken" : "m\(100 + $0)" }
        let results = await write(names, to: store)
        let kept = results.compactMap { try? $0.value.get() }
        #expect(kept.count == 40)
        #expect(results.values.count { if case .failure(let error) = $0 { error.code == 409 } else { false } } == 20)
        // The watcher sees each of them once, in the order of their versions, and nothing of the refused ones.
        var seen: [Resource] = []
        for try await event in stream {
            #expect(event.kind == .added)
            seen.append(event.resource)
            if seen.count == kept.count { break }
        }
        #expect(Set(seen.map(\.name)) == Set(kept.map(\.name)))
        let versions = seen.compactMap { Int($0.resourceVersion) }
        #expect(versions == versions.sorted() && Set(versions).count == 40)
        _ = try await store.create(Self.map("last"))
        for try await event in stream {
            #expect(event.resource.name == "last", "something of a refused write was told")
            break
        }
    }

    @Test func `what was acknowledged is in the file`() async throws {
        let fixture = try await Fixture()
        let results = await write((0..<50).map { "m\($0)" }, to: fixture.store)
        let copy = try fixture.crashedCopy()
        let again = try await Fixture(folder: copy)
        let stored = Set(try await again.store.list(.configMap).items.map(\.name))
        #expect(stored == Set(results.values.compactMap { try? $0.get().name }))
    }

    /// A name and a quota are taken by one of many at the same moment.
    @Test func `of many at once one gets what is there once`() async throws {
        let fixture = try await Fixture()
        let quota = Resource(
            value: ["metadata": ["name": "q", "namespace": "default"], "spec": ["hard": ["configmaps": "7"]]],
            type: .resourceQuota)
        _ = try await fixture.store.create(quota)
        let results = await write((0..<30).map { "m\($0)" }, to: fixture.store)
        #expect(results.values.count { (try? $0.get()) != nil } == 7)
        let same = await write(Array(repeating: "m0", count: 20), to: fixture.store)
        #expect(same.values.allSatisfy { (try? $0.get()) == nil })
    }
}
