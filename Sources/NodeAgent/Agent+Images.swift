public import ContainerEngine
public import Images
import JSON
public import OCI
public import ResourceStore
import Resources

extension Agent {
    /// The ids of the images that containers on this machine were made from, so that none is removed under them.
    public static func imagesInUse(by engine: Engine) async -> Set<String> {
        Set(await engine.list().map(\.imageID).filter { !$0.isEmpty })
    }

    /// Images that must stay on this machine, whatever the disk says: those of containers and pods, and the desired and
    /// previous ones of every workload.
    ///
    /// Of a Deployment the newest two ReplicaSets count, what runs and what it can be rolled back to; of ReplicaSets
    /// without an owner each. What the hub assigned stands in the store as objects and so counts from the moment it came.
    public static func pinnedImages(store: Store, engine: Engine) async throws -> PinnedImages {
        var pinned = PinnedImages()
        pinned.ids = Set(await imagesInUse(by: engine).compactMap { try? Digest(parsing: $0) })
        for type in [ResourceType.pod, .deployment] {
            for object in try await store.list(type).items { pinned.names.formUnion(images(of: object)) }
        }
        let sets = try await store.list(.replicaSet).items
        for (owner, sets) in Dictionary(grouping: sets, by: { $0.ownerReferences.first?.uid ?? "" }) {
            let kept = owner.isEmpty ? sets[...] : sets.sorted { revision($0) > revision($1) }.prefix(2)
            for set in kept { pinned.names.formUnion(images(of: set)) }
        }
        return pinned
    }

    private static func revision(_ set: Resource) -> Int {
        set.annotations[WherryLabels.deploymentRevision].flatMap { Int($0) } ?? 0
    }

    /// The images of a pod's or a template's containers.
    static func images(of object: Resource) -> [String] {
        let spec = object.value[path: "spec", "template", "spec"] ?? object.value["spec"]
        return ["containers", "initContainers", "ephemeralContainers"].flatMap { spec?[$0]?.arrayValue ?? [] }
            .compactMap { $0["image"]?.stringValue }
    }

    /// A login for a registry from the pull secrets of this machine's pods, for a repair that no pod asked for.
    public static func pullCredentials(
        for reference: ImageReference, store: Store
    ) async throws -> RegistryCredentials? {
        for pod in try await store.list(.pod).items {
            for secret in pod.value[path: "spec", "imagePullSecrets"]?.arrayValue ?? [] {
                let key = ResourceKey(type: .secret, namespace: pod.namespace, name: secret["name"]?.stringValue ?? "")
                guard let object = try await store.find(key),
                    let bytes = ConfigurationSnapshot.values(of: object.value, kind: .secret)[".dockerconfigjson"],
                    let document = try? JSONValue(parsing: bytes),
                    let found = DockerConfiguration.credentials(document, registry: reference.registry)
                else { continue }
                return found
            }
        }
        return nil
    }
}
