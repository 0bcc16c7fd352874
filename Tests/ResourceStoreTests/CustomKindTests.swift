import JSON
import ResourceStore
import Resources
import Testing

@Suite("Custom kinds in a store", .timeLimit(.minutes(5))) struct CustomKindTests {
    private static func definition(
        _ plural: String = "widgets", kind: String = "Widget", stored: String = "v1"
    ) -> Resource {
        func version(_ name: String) -> JSONValue {
            [
                "name": .string(name), "served": true, "storage": .bool(name == stored),
                "schema": ["openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]],
            ]
        }
        return Resource(
            value: [
                "metadata": ["name": .string("\(plural).example.com")],
                "spec": [
                    "group": "example.com", "scope": "Namespaced",
                    "names": [
                        "plural": .string(plural), "singular": .string(plural), "kind": .string(kind),
                        "listKind": .string("\(kind)List"),
                    ],
                    "versions": [version("v1"), version("v2")],
                ],
            ], type: .customResourceDefinition)
    }

    private static func widget(_ name: String, _ type: ResourceType) -> Resource {
        Resource(
            value: ["metadata": ["name": .string(name), "namespace": "default"], "spec": ["a": 1]], type: type)
    }

    @Test func `a definition's kind is served when its write returns, in all its versions, after a restart too`()
        async throws
    {
        let fixture = try await Fixture()
        #expect(fixture.store.types.isBuiltIn)
        _ = try await fixture.store.create(Self.definition())
        let type = try #require(fixture.store.types.storing(apiVersion: "example.com/v2", kind: "Widget"))
        #expect(type.version == "v1")
        #expect(fixture.store.types.named(group: "example.com", version: "v2", plural: "widgets")?.version == "v2")
        let object = try await fixture.store.create(Self.widget("a", type))
        #expect(object.generation == 1)
        let again = try Store(path: fixture.crashedCopy() + "/state.db")
        let known = try #require(again.types.stored("widgets.example.com"))
        #expect(try await again.get(ResourceKey(type: known, namespace: "default", name: "a")).value == object.value)
    }

    @Test func `what a transaction defines is gone when it fails`() async throws {
        struct Stop: Error {}
        let fixture = try await Fixture()
        await #expect(throws: Stop.self) {
            try await fixture.store.transaction { transaction in
                try transaction.create(Self.definition())
                let type = try #require(transaction.types.stored("widgets.example.com"))
                try transaction.create(Self.widget("a", type))
                throw Stop()
            }
        }
        #expect(fixture.store.types.isBuiltIn)
        _ = try await fixture.store.transaction(dryRun: true) { try $0.create(Self.definition()) }
        #expect(fixture.store.types.isBuiltIn)
    }

    @Test func `a name that is taken waits until it is free`() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.store.create(Self.definition())
        let second = try await fixture.store.create(Self.definition("others"))
        #expect(fixture.store.types.customKinds.map(\.name) == ["widgets.example.com"])
        guard case .marked(let marked) = try await fixture.store.delete(first.key) else {
            Issue.record("the definition went before its objects")
            return
        }
        #expect(marked.finalizers == ["customresourcecleanup.apiextensions.k8s.io"])
        try await fixture.store.update(first.key) { $0.finalizers = [] }
        #expect(fixture.store.types.customKinds.map(\.name) == ["others.example.com"])
        #expect(DefinitionStatus.isEstablished(try await fixture.store.get(second.key).value))
    }

    @Test func `generations count changes of all but metadata, and watches end when the definition changes`()
        async throws
    {
        let fixture = try await Fixture()
        let definition = try await fixture.store.create(Self.definition())
        let type = try #require(fixture.store.types.stored("widgets.example.com"))
        var object = try await fixture.store.create(Self.widget("a", type))
        object.labels = ["a": "b"]
        object = try await fixture.store.replace(object)
        #expect(object.generation == 1)
        object.value["other"] = 1
        object = try await fixture.store.replace(object)
        #expect(object.generation == 2)
        let before = object.resourceVersion
        let stream = try await fixture.store.watch([type])
        var changed = Self.definition(stored: "v2")
        changed.resourceVersion = definition.resourceVersion
        _ = try await fixture.store.replace(changed)
        var events = stream.makeAsyncIterator()
        #expect(try await events.next() == nil)
        let stored = try #require(fixture.store.types.stored("widgets.example.com"))
        #expect(stored.version == "v2")
        object = try await fixture.store.get(ResourceKey(type: stored, namespace: "default", name: "a"))
        object.value["other"] = 2
        _ = try await fixture.store.replace(object)
        // The history goes on under the new version.
        var later = try await fixture.store.watch([stored], since: before).makeAsyncIterator()
        #expect(try await later.next()?.resource.value["other"] == 2)
    }

    @Test func `nothing new is made of a kind that is going or gone since its type was taken`() async throws {
        let fixture = try await Fixture()
        let definition = try await fixture.store.create(Self.definition())
        let type = try #require(fixture.store.types.stored("widgets.example.com"))
        _ = try await fixture.store.delete(definition.key)
        let refused = await status { _ = try await fixture.store.create(Self.widget("a", type)) }
        #expect(refused?.code == 405)
        #expect(refused?.message == "create not allowed while custom resource definition is terminating")
        try await fixture.store.update(definition.key) { $0.finalizers = [] }
        let missed = await status { _ = try await fixture.store.create(Self.widget("a", type)) }
        #expect(missed?.code == 404)
        let again = try await fixture.store.create(Self.definition())
        #expect(again.uid != definition.uid)
        #expect(
            try await fixture.store.list(try #require(fixture.store.types.stored("widgets.example.com"))).items.isEmpty)
    }

    @Test func `one of several that wait for a name gets it`() async throws {
        let fixture = try await Fixture()
        let first = try await fixture.store.create(Self.definition())
        for plural in ["gadgets", "others"] { _ = try await fixture.store.create(Self.definition(plural)) }
        let free = try await fixture.store.create(Self.definition("things", kind: "Thing"))
        _ = try await fixture.store.delete(first.key)
        try await fixture.store.update(first.key) { $0.finalizers = [] }
        #expect(fixture.store.types.customKinds.map(\.name) == ["gadgets.example.com", "things.example.com"])
        #expect(try await fixture.store.get(free.key).resourceVersion == free.resourceVersion)
    }

    @Test func `a short name that somebody else has is not served`() async throws {
        let fixture = try await Fixture()
        func gadgets(_ shortName: JSONValue) -> Resource {
            var definition = Self.definition("gadgets", kind: "Gadget")
            definition.value[path: "spec", "names", "shortNames"] = [shortName]
            return definition
        }
        _ = try await fixture.store.create(Self.definition())
        _ = try await fixture.store.create(gadgets("gd"))
        #expect(fixture.store.types.stored("gadgets.example.com")?.shortNames == ["gd"])
        var changed = gadgets("widgets")
        changed.resourceVersion = try await fixture.store.get(changed.key).resourceVersion
        _ = try await fixture.store.replace(changed)
        #expect(fixture.store.types.stored("gadgets.example.com")?.shortNames == ["gd"])
        #expect(fixture.store.types.matching("widgets")?.kind == "Widget")
    }

    @Test func `a watch of a kind that was defined anew since its type was taken ends`() async throws {
        let fixture = try await Fixture()
        let definition = try await fixture.store.create(Self.definition())
        let taken = try #require(fixture.store.types.stored("widgets.example.com"))
        var changed = Self.definition(stored: "v2")
        changed.resourceVersion = definition.resourceVersion
        _ = try await fixture.store.replace(changed)
        var events = try await fixture.store.watch([taken], since: "0").makeAsyncIterator()
        // A bookmark would come if the watch went on.
        let present = try await fixture.store.watch([try #require(fixture.store.types.stored("widgets.example.com"))])
        present.requestBookmark()
        var others = present.makeAsyncIterator()
        #expect(try await others.next()?.kind == .bookmark)
        #expect(try await events.next() == nil)
    }

    @Test func `quotas count custom objects`() async throws {
        let fixture = try await Fixture()
        _ = try await fixture.store.create(Self.definition())
        let type = try #require(fixture.store.types.stored("widgets.example.com"))
        _ = try await fixture.store.create(
            Resource(
                value: [
                    "metadata": ["name": "q", "namespace": "default"],
                    "spec": ["hard": ["count/widgets.example.com": "1"]],
                ], type: .resourceQuota))
        _ = try await fixture.store.create(Self.widget("a", type))
        let refused = await status { _ = try await fixture.store.create(Self.widget("b", type)) }
        #expect(refused?.message.contains("exceeded quota: q, requested: count/widgets.example.com=1") == true)
    }
}
