import JSON
import ResourceStore
import Resources
import Testing

@testable import Workloads

/// The controllers at a hub, beside objects that show what devices have.
@Suite(.timeLimit(.minutes(5))) struct HubScopeTests {
    /// A pod of a device, whose ReplicaSet only the device knows.
    private func mirror(_ name: String, namespace: String = "default", owner: Resource? = nil) -> Resource {
        let unknown = OwnerReference(apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1", uid: "only-there")
        var pod = Resource(
            value: [
                "metadata": ["name": .string(name), "namespace": .string(namespace)], "spec": ["nodeName": "gw"],
            ], type: .pod)
        pod.labels[WherryLabels.device] = "gw"
        pod.ownerReferences = [owner?.asControllerOwner ?? unknown]
        return pod
    }

    private func namespace(_ name: String) -> Resource {
        Resource(value: ["metadata": ["name": .string(name)]], type: .namespace)
    }

    /// What every namespace has.
    private func furnish(_ store: Store, _ name: String) async throws {
        try await store.transaction { try $0.furnish(namespace: name) }
    }

    @Test func `the hub's owners and dependents end as asked, and mirrors are left alone`() async throws {
        try await Cluster.run(.hub) { cluster in
            let store = cluster.store
            let shown = try await store.create(mirror("of-the-device")).key
            let policies: [DeleteOptions.Propagation?] = [nil, .background, .foreground]
            for (number, policy) in policies.enumerated() {
                let owner = try await cluster.apply("web-\(number)")
                let child = try await store.create(configMap("child-\(number)", ownedBy: [owner])).key
                let copy = try await store.create(mirror("web-\(number)-x", owner: owner)).key
                try await store.delete(owner.key, DeleteOptions(propagation: policy))
                try await cluster.eventually("something stays after \(policy.map(\.rawValue) ?? "none")") { store in
                    let left = [try await store.find(owner.key), try await store.find(child)]
                    return left == [nil, nil]
                }
                #expect(try await store.get(copy).isTerminating == false)
            }
            #expect(try await store.get(shown).isTerminating == false)
            #expect(try await store.list(.replicaSet).items.isEmpty)
        }
    }

    @Test func `an owner waits in the foreground for what a finalizer of a user's holds`() async throws {
        try await Cluster.run(.hub) { cluster in
            let store = cluster.store
            let owner = try await cluster.apply()
            var held = configMap("held", ownedBy: [owner])
            held.finalizers = ["example.com/hold"]
            let key = try await store.create(held).key
            try await store.delete(owner.key, DeleteOptions(propagation: .foreground))
            try await cluster.eventually("not asked to end") { try await $0.get(key).isTerminating }
            #expect(try await store.find(owner.key) != nil)
            try await store.update(key) { $0.finalizers = [] }
            try await cluster.eventually("the owner stays") { try await $0.find(owner.key) == nil }
        }
    }

    @Test func `orphans stay without owner, and a Deployment cannot leave its pods on devices behind`() async throws {
        try await Cluster.run(.hub) { cluster in
            let store = cluster.store
            let owner = try await store.create(configMap("owner"))
            let key = try await store.create(configMap("child", ownedBy: [owner])).key
            try await store.delete(owner.key, DeleteOptions(propagation: .orphan))
            try await cluster.eventually("the owner stays") { try await $0.find(owner.key) == nil }
            #expect(try await store.get(key).ownerReferences.isEmpty)
            let deployment = try await cluster.apply()
            let error = await #expect(throws: StatusError.self) {
                try await store.delete(deployment.key, DeleteOptions(propagation: .orphan))
            }
            #expect(error?.code == 422)
            #expect(try await store.get(deployment.key).isTerminating == false)
        }
    }

    @Test func `a Node and a pod for one device end at once`() async throws {
        try await Cluster.run(.hub) { cluster in
            let store = cluster.store
            var node = Resource(value: ["metadata": ["name": "gw"]], type: .node)
            node.labels[WherryLabels.device] = "gw"
            node = try await store.create(node)
            let pod = Resource(
                value: ["metadata": ["name": "p", "namespace": "default"], "spec": ["nodeName": "gw"]], type: .pod)
            let podKey = try await store.create(pod).key
            let child = try await store.create(configMap("child", ownedBy: [store.get(podKey)])).key
            var copy = mirror("p.gw")
            copy.value[path: "metadata", "uid"] = .string(try await store.get(podKey).uid)
            let copyKey = try await store.create(copy).key
            try await store.delete(podKey)
            #expect(try await store.find(podKey) == nil)
            try await cluster.eventually("what the pod owned stays") { try await $0.find(child) == nil }
            #expect(try await store.get(copyKey).isTerminating == false)
            let nodeKey = node.key
            try await store.delete(nodeKey, DeleteOptions(propagation: .foreground))
            try await cluster.eventually("the Node stays") { try await $0.find(nodeKey) == nil }
        }
    }

    @Test func `a namespace honours finalizers, and no device holds it up or brings it back for good`() async throws {
        try await Cluster.run(.hub) { cluster in
            let store = cluster.store
            let made = try await store.create(namespace("team"))
            try await furnish(store, "team")
            var held = configMap("held", namespace: "team")
            held.finalizers = ["example.com/hold"]
            let heldKey = try await store.create(held).key
            let shown = try await store.create(mirror("web-1-x", namespace: "team")).key
            try await store.delete(made.key)
            try await cluster.eventually("not asked to end") { try await $0.get(heldKey).isTerminating }
            #expect(try await store.get(made.key).uid == made.uid)
            // A device says what it has, whatever the hub deletes.
            let late = try await store.create(mirror("web-1-y", namespace: "team")).key
            try await store.update(heldKey) { $0.finalizers = [] }
            try await cluster.eventually("the namespace is not the devices' now") { store in
                try await store.find(made.key).map { $0.uid != made.uid && !$0.isTerminating } ?? false
            }
            try await furnish(store, "team")
            #expect(try await store.get(shown).isTerminating == false)
            for key in [shown, late] { try await store.delete(key, DeleteOptions(gracePeriodSeconds: 0)) }
            try await cluster.eventually("the namespace stays") { try await $0.find(made.key) == nil }
        }
    }

    @Test func `a namespace of devices is the hub's once somebody makes or writes it`() async throws {
        try await Cluster.run(.hub) { cluster in
            let store = cluster.store
            let pods = try await store.transaction { transaction in
                try ["made", "written"].map { name in
                    try transaction.imply(namespace: name)
                    return try transaction.create(mirror("a", namespace: name)).key
                }
            }
            let made = try await store.create(namespace("made"))
            var written = try await store.get(namespace("written").key)
            written.labels["team"] = "a"
            written.value[path: "metadata", "managedFields"] = [["manager": "kubectl"]]
            _ = try await store.replace(written, takesOwners: true)
            for key in pods { try await store.delete(key, DeleteOptions(gracePeriodSeconds: 0)) }
            // Shows that the loop has been through.
            let owner = try await store.create(configMap("owner"))
            let child = try await store.create(configMap("child", ownedBy: [owner])).key
            try await store.delete(owner.key)
            try await cluster.eventually("the child stays") { try await $0.find(child) == nil }
            #expect(try await store.find(made.key)?.isTerminating == false)
            #expect(try await store.find(written.key)?.isTerminating == false)
        }
    }
}
