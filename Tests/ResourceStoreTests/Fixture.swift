import JSON
import Linux
import ResourceStore
import Resources
import Synchronization
import Testing

/// A store in a folder of its own, with an environment that a test can turn.
final class Fixture {
    let folder: String
    let store: Store
    var path: String { folder + "/state.db" }

    init(
        folder: String? = nil, holdsMirrors: Bool = false, cluster: ClusterSettings? = nil, historyLimit: Int = 4096,
        uptime: @escaping @Sendable () -> Int64 = { 0 }
    ) async throws {
        self.folder = try folder ?? Self.makeFolder()
        var environment = StoreEnvironment.system
        environment.uptime = uptime
        store = try Store(
            path: self.folder + "/state.db", holdsMirrors: holdsMirrors, cluster: cluster,
            historyLimit: historyLimit,
            environment: environment)
        if try await store.find(Self.namespaceKey("default")) == nil {
            _ = try await store.create(Self.namespace("default"))
        }
    }

    static func makeFolder() throws -> String {
        var template = Array("/tmp/wherry-store-XXXXXX".utf8CString)
        let path = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        return try #require(path)
    }

    /// The folder as a power cut would leave it now, in a new place.
    func crashedCopy() throws -> String {
        let copy = try Self.makeFolder()
        for name in try Files.listDirectory(folder) {
            try Files.writeAtomically(try Files.read(folder + "/" + name), to: copy + "/" + name)
        }
        return copy
    }

    deinit { try? Files.removeTree(folder) }

    static func namespaceKey(_ name: String) -> ResourceKey {
        ResourceKey(type: .namespace, namespace: nil, name: name)
    }

    static func namespace(_ name: String) -> Resource {
        Resource(value: ["metadata": ["name": .string(name)]], type: .namespace)
    }

    static func pod(_ name: String, namespace: String = "default", node: String? = nil) -> Resource {
        var value: JSONValue = [
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "spec": ["containers": [["name": "c", "image": "i"]], "terminationGracePeriodSeconds": 30],
        ]
        if let node { value[path: "spec", "nodeName"] = .string(node) }
        return Resource(value: value, type: .pod)
    }

    static func deployment(_ name: String, replicas: Int64 = 1) -> Resource {
        Resource(
            value: [
                "metadata": ["name": .string(name), "namespace": "default"], "spec": ["replicas": .integer(replicas)],
            ], type: .deployment)
    }

    static func configMap(_ name: String, _ text: String = "", namespace: String = "default") -> Resource {
        Resource(
            value: [
                "metadata": ["name": .string(name), "namespace": .string(namespace)], "data": ["k": .string(text)],
            ], type: .configMap)
    }
}

func version(_ resource: Resource) -> Int64 { Int64(resource.resourceVersion) ?? -1 }

func status(_ body: () async throws -> Void) async -> StatusError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? StatusError
    }
}

/// Seconds that a test sets.
final class TestUptime: Sendable {
    private let value = Mutex<Int64>(0)
    var seconds: Int64 {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
