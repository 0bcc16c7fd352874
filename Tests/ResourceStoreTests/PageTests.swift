import JSON
import ResourceStore
import Resources
import Testing

@Suite struct PageTests {
    /// All pages, with something happening between them.
    private func pages(
        _ store: Store, limit: Int, labels: LabelSelectorQuery? = nil, between: (Int) async throws -> Void = { _ in }
    ) async throws -> [ListPage] {
        var pages: [ListPage] = []
        var cursor: ListCursor?
        repeat {
            let page = try await store.page(.configMap, labels: labels, limit: limit, after: cursor)
            pages.append(page)
            cursor = page.next
            if cursor != nil { try await between(pages.count) }
        } while cursor != nil
        return pages
    }

    private static func map(_ name: String, _ text: String = "", namespace: String = "default") -> Resource {
        Resource(
            value: [
                "metadata": [
                    "name": .string(name), "namespace": .string(namespace), "labels": ["even": .string(text)],
                ], "data": ["text": .string(text)],
            ], type: .configMap)
    }

    private static func key(_ name: String) -> ResourceKey {
        ResourceKey(type: .configMap, namespace: "default", name: name)
    }

    private static func name(_ number: Int) -> String { "m\(1_000 + number)" }

    private func fill(_ store: Store, _ count: Int) async throws {
        for number in 0..<count {
            _ = try await store.create(Self.map(Self.name(number), number % 2 == 0 ? "yes" : "no"))
        }
    }

    @Test func `pages give every object once, in order, and say what is left`() async throws {
        let fixture = try await Fixture()
        try await fill(fixture.store, 600)
        let pages = try await pages(fixture.store, limit: 250)
        #expect(pages.map(\.items.count) == [250, 250, 100])
        #expect(pages.map(\.remaining) == [350, 100, nil])
        #expect(pages.flatMap(\.items).map(\.name) == (0..<600).map(Self.name))
        #expect(Set(pages.map(\.resourceVersion)).count == 1)
    }

    @Test func `a page that ends with the list has no next one`() async throws {
        let fixture = try await Fixture()
        try await fill(fixture.store, 4)
        #expect(try await pages(fixture.store, limit: 2).map(\.items.count) == [2, 2])
        #expect(try await pages(fixture.store, limit: 4).map(\.items.count) == [4])
        #expect(try await fixture.store.page(.configMap, limit: nil).items.count == 4)
        #expect(try await fixture.store.page(.secret, limit: 1).items.isEmpty)
    }

    @Test func `a selection fills its pages, and the rest is not counted`() async throws {
        let fixture = try await Fixture()
        try await fill(fixture.store, 20)
        let pages = try await pages(fixture.store, limit: 6, labels: LabelSelectorQuery(labels: ["even": "yes"]))
        #expect(pages.map(\.items.count) == [6, 4])
        #expect(pages[0].remaining == nil)
    }

    /// What a client that lists and then watches relies on.
    @Test func `what happens between two pages is in none of them`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        try await fill(store, 10)
        let whole = try await store.page(.configMap, limit: nil).items
        let pages = try await pages(store, limit: 3) { page in
            guard page == 1 else { return }
            // Before and after the place where the list is: new ones, changed ones, removed ones, removed and made anew.
            _ = try await store.create(Self.map("a"))
            _ = try await store.create(Self.map("z"))
            _ = try await store.create(Self.map(Self.name(4) + "x"))
            for number in [1, 5] {
                try await store.update(Self.key(Self.name(number))) { $0.value["data"] = ["text": "changed"] }
            }
            for number in [0, 6, 9] { _ = try await store.delete(Self.key(Self.name(number))) }
            _ = try await store.delete(Self.key(Self.name(7)))
            _ = try await store.create(Self.map(Self.name(7), "another"))
        }
        #expect(pages.flatMap(\.items) == whole)
        #expect(try await store.page(.configMap, limit: nil).items != whole)
    }

    @Test func `a state of the past is shown as it was`() async throws {
        let fixture = try await Fixture()
        let store = fixture.store
        try await fill(store, 3)
        let then = try await store.page(.configMap, limit: nil)
        _ = try await store.delete(Self.key(Self.name(1)))
        let again = try await store.page(.configMap, limit: nil, at: Int64(then.resourceVersion))
        #expect(again.items == then.items)
    }

    @Test func `a past that is forgotten is gone, and a future is not there yet`() async throws {
        let fixture = try await Fixture(historyLimit: 4)
        let store = fixture.store
        try await fill(store, 3)
        let first = try await store.page(.configMap, limit: 1)
        for number in 10..<20 { _ = try await store.create(Self.map(Self.name(number))) }
        let gone = await status { _ = try await store.page(.configMap, limit: 1, after: first.next) }
        #expect(gone?.code == 410)
        let future = await status { _ = try await store.page(.configMap, limit: 1, at: 1 << 40) }
        #expect(future?.code == 504)
        #expect(future?.details?.causes.first?.reason == "ResourceVersionTooLarge")
    }

    @Test func `objects of all namespaces come in the order of namespaces`() async throws {
        let fixture = try await Fixture()
        for namespace in ["b", "a"] {
            _ = try await fixture.store.create(Fixture.namespace(namespace))
            for name in ["y", "x"] { _ = try await fixture.store.create(Self.map(name, namespace: namespace)) }
        }
        let names = try await pages(fixture.store, limit: 1).flatMap(\.items).map { "\($0.namespace ?? "")/\($0.name)" }
        #expect(names == ["a/x", "a/y", "b/x", "b/y"])
    }
}
