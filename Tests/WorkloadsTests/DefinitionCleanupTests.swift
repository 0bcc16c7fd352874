import JSON
import Logging
import ResourceStore
import Resources
import Synchronization
import Testing

@testable import Workloads

@Suite(.timeLimit(.minutes(5))) struct DefinitionCleanupTests {
    /// Fails a number of times.
    private final class Trouble: Sendable {
        private let left: Mutex<Int>

        init(times: Int) { left = Mutex(times) }

        func come() throws {
            let isThere = left.withLock { left in
                left -= 1
                return left >= 0
            }
            if isThere { throw StatusError.timeout("not now") }
        }
    }

    @Test func `a definition whose objects cannot be deleted is tried again until they are`() async throws {
        let cluster = try Cluster()
        let store = cluster.store
        try await DefaultNamespaces.ensure(in: store)
        let definition = try await store.create(
            Resource(
                value: [
                    "metadata": ["name": "widgets.example.com"],
                    "spec": [
                        "group": "example.com", "scope": "Namespaced",
                        "names": [
                            "plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList",
                        ],
                        "versions": [
                            [
                                "name": "v1", "served": true, "storage": true,
                                "schema": [
                                    "openAPIV3Schema": [
                                        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                                    ]
                                ],
                            ]
                        ],
                    ],
                ], type: .customResourceDefinition))
        let type = try #require(store.types.stored("widgets.example.com"))
        _ = try await store.create(
            Resource(value: ["metadata": ["name": "a", "namespace": "default"]], type: type))
        let trouble = Trouble(times: 3)
        var cleanup = DefinitionCleanup(
            store: store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        cleanup.attempt = { name, transaction in
            try trouble.come()
            try DefinitionCleanup.reconcile(name, transaction)
        }
        try await withThrowingTaskGroup(of: Void.self) { [cleanup] group in
            group.addTask { await cleanup.cleanUp() }
            _ = try await store.delete(definition.key)
            try await cluster.eventually("the definition goes") { try await $0.find(definition.key) == nil }
            group.cancelAll()
        }
        await store.close()
    }
}
