import JSON
import ResourceStore
import Resources
import Testing

@testable import Workloads

func configMap(_ name: String, namespace: String = "default", ownedBy owners: [Resource] = []) -> Resource {
    var map = Resource(
        value: ["metadata": ["name": .string(name), "namespace": .string(namespace)]], type: .configMap)
    map.ownerReferences = owners.map {
        OwnerReference(
            apiVersion: $0.type.apiVersion, kind: $0.type.kind, name: $0.name, uid: $0.uid, blockOwnerDeletion: true)
    }
    return map
}

@Suite(.timeLimit(.minutes(5))) struct GarbageTests {
    @Test func `background deletion takes ReplicaSets and pods along`() async throws {
        try await Cluster.run { cluster in
            let key = try await cluster.apply().key
            try await cluster.eventually("no pods") { try await $0.list(.pod).items.count == 3 }
            try await cluster.store.delete(key, DeleteOptions(propagation: .background))
            try await cluster.eventually("something is left") { store in
                let sets = try await store.list(.replicaSet).items
                let pods = try await store.list(.pod).items
                return sets.isEmpty && pods.isEmpty
            }
        }
    }

    @Test func `foreground deletion keeps the owner until its bound pods are gone`() async throws {
        try await Cluster.run { cluster in
            let key = try await cluster.apply(replicas: 1).key
            try await cluster.eventually("no pods") { try await $0.list(.pod).items.count == 1 }
            try await cluster.makeReady()
            try await cluster.store.delete(key, DeleteOptions(propagation: .foreground))
            try await cluster.eventually("the pod is not asked to end") { store in
                try await store.list(.pod).items.allSatisfy(\.isTerminating)
            }
            #expect(try await cluster.store.find(key) != nil)
            try await cluster.finishTerminating()
            try await cluster.eventually("the owner stays") { store in
                let sets = try await store.list(.replicaSet).items
                return try await store.find(key) == nil && sets.isEmpty
            }
        }
    }

    @Test func `orphan deletion leaves the dependents without owner`() async throws {
        try await Cluster.run { cluster in
            let key = try await cluster.apply(replicas: 1).key
            try await cluster.eventually("no pods") { try await $0.list(.pod).items.count == 1 }
            try await cluster.store.delete(key, DeleteOptions(propagation: .orphan))
            try await cluster.eventually("the owner stays") { try await $0.find(key) == nil }
            let set = try #require(try await cluster.store.list(.replicaSet).items.first)
            #expect(set.ownerReferences.isEmpty)
            #expect(try await cluster.pods().count == 1)
        }
    }

    @Test func `an object with another living owner only loses the dead reference`() async throws {
        try await Cluster.run { cluster in
            let first = try await cluster.store.create(configMap("first"))
            let second = try await cluster.store.create(configMap("second"))
            let key = try await cluster.store.create(configMap("child", ownedBy: [first, second])).key
            try await cluster.store.delete(first.key)
            try await cluster.eventually("the reference stays") { store in
                try await store.find(key)?.ownerReferences.map(\.uid) == [second.uid]
            }
            try await cluster.store.delete(second.key)
            try await cluster.eventually("the child stays") { try await $0.find(key) == nil }
        }
    }

    @Test func `an object that comes after its owner has gone goes, too`() async throws {
        try await Cluster.run { cluster in
            let owner = try await cluster.store.create(configMap("owner"))
            try await cluster.store.delete(owner.key)
            let late = try await cluster.store.create(configMap("late", ownedBy: [owner])).key
            try await cluster.eventually("the late one stays") { try await $0.find(late) == nil }
        }
    }

    @Test func `an owner that waits is free when what blocked it names it no more`() async throws {
        try await Cluster.run { cluster in
            let owner = try await cluster.store.create(configMap("owner"))
            var child = configMap("child", ownedBy: [owner])
            child.finalizers = ["example.com/hold"]
            let key = try await cluster.store.create(child).key
            try await cluster.store.delete(owner.key, DeleteOptions(propagation: .foreground))
            try await cluster.eventually("the child is not asked to end") { try await $0.get(key).isTerminating }
            #expect(try await cluster.store.find(owner.key) != nil)
            try await cluster.store.update(key) { $0.ownerReferences = [] }
            try await cluster.eventually("the owner stays") { try await $0.find(owner.key) == nil }
            #expect(try await cluster.store.find(key) != nil)
        }
    }

    @Test func `a hub's label for mirrors means nothing on a device`() async throws {
        try await Cluster.run { cluster in
            var labelled = configMap("labelled")
            labelled.labels[WherryLabels.device] = "gw"
            let key = try await cluster.store.create(labelled).key
            try await cluster.store.delete(key, DeleteOptions(propagation: .foreground))
            try await cluster.eventually("it stays") { try await $0.find(key) == nil }
        }
    }

    @Test func `a deleted namespace is emptied and goes when its last pod has gone`() async throws {
        try await Cluster.run { cluster in
            let space = Resource(value: ["metadata": ["name": "x"]], type: .namespace)
            let key = try await cluster.store.create(space).key
            for type in [ResourceType.configMap, .pod] {
                _ = try await cluster.store.create(
                    Resource(
                        value: [
                            "metadata": ["name": "a", "namespace": "x"], "spec": ["nodeName": "n"],
                        ], type: type))
            }
            try await cluster.store.delete(key)
            try await cluster.eventually("not emptied") { store in
                let maps = try await store.list(.configMap, namespace: "x").items
                let pods = try await store.list(.pod, namespace: "x").items
                return maps.isEmpty && pods.allSatisfy(\.isTerminating)
            }
            #expect(try await cluster.store.find(key) != nil)
            try await cluster.finishTerminating()
            try await cluster.eventually("the namespace stays") { try await $0.find(key) == nil }
        }
    }

    @Test func `the default namespaces are made once`() async throws {
        try await Cluster.run { cluster in
            let names = try await cluster.store.list(.namespace).items.map(\.name)
            #expect(names == ["default", "kube-node-lease", "kube-public", "kube-system"])
            let version = cluster.store.latestVersion
            try await DefaultNamespaces.ensure(in: cluster.store)
            #expect(cluster.store.latestVersion == version)
        }
    }
}
