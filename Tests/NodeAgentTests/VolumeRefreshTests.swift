import JSON
import Linux
import Resources
import Testing

@testable import NodeAgent

@Suite struct VolumeRefreshTests {
    private struct Refusal: Error {}

    /// A pod's volumes below a folder of their own, in memory so that no mount is needed.
    private final class Scene {
        let folder: String
        let volumes: PodVolumes
        let pod: Pod

        init(_ sources: [JSONValue]) throws {
            var template = Array("/dev/shm/wherry-volumes-XXXXXX".utf8CString)
            let made = template.withUnsafeMutableBufferPointer { buffer in
                buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
            }
            folder = try #require(made)
            volumes = PodVolumes(dataDirectory: folder + "/data", runDirectory: folder + "/run")
            try Files.makeDirectories(folder + "/run")
            let value: JSONValue = [
                "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p", "namespace": "ns", "uid": "u"],
                "spec": ["containers": [["name": "c", "image": "i"]], "volumes": .array(sources)],
            ]
            pod = try Resource(value: value).decode(as: Pod.self)
        }

        deinit { try? Files.removeTree(folder) }

        func content(
            _ configMaps: [String: String], _ tokens: [PodToken.Source: PodToken] = [:]
        ) -> VolumePayload.Content {
            var snapshot = ConfigurationSnapshot()
            for (name, text) in configMaps {
                snapshot.contents[.init(kind: .configMap, name: name)] = ["k": Array(text.utf8)]
            }
            let facts = PodFacts(nodeName: "n", hostIP: "10.0.0.1", podIP: nil)
            return VolumePayload.Content(configuration: snapshot, facts: facts, tokens: tokens)
        }

        func file(_ path: String) throws -> String {
            String(decoding: try Files.read(volumes.runPath("u") + "/volumes/" + path), as: UTF8.self)
        }

        /// Issues a token and writes it with everything else.
        func prepare(_ tokens: inout PodTokens, _ configMaps: [String: String], at now: Int64) async throws {
            let next = await tokens.next(for: pod, at: now) { _ in "old" }
            #expect(next.failure == nil)
            _ = try volumes.prepare(pod, content: content(configMaps, next.tokens))
            tokens.wrote(next.tokens, of: pod)
        }
    }

    private static let start: Int64 = 1_000_000
    private static let renewal = start + 2700
    private static let config: JSONValue = ["name": "config", "configMap": ["name": "c"]]
    private static let token: JSONValue = [
        "name": "token", "projected": ["sources": [["serviceAccountToken": ["path": "token"]]]],
    ]

    @Test func aVolumeThatCannotBeMadeKeepsNoNewTokenFromTheNextOne() async throws {
        let scene = try Scene([Self.config, Self.token])
        var tokens = PodTokens()
        try await scene.prepare(&tokens, ["c": "1"], at: Self.start)
        #expect(tokens.areDue(at: Self.renewal))
        let next = await tokens.next(for: scene.pod, at: Self.renewal) { _ in "new" }
        let failures = scene.volumes.refresh(scene.pod, content: scene.content([:], next.tokens))
        #expect(
            failures.map(\.description)
                == ["MountVolume.SetUp failed for volume \"config\" : configmap \"c\" not found"])
        tokens.wrote(next.tokens, of: scene.pod, except: Set(failures.map(\.volume)))
        #expect(try scene.file("token/token") == "new")
        #expect(try scene.file("config/k") == "1")
        #expect(!tokens.areDue(at: Self.renewal))
    }

    @Test func aTokenThatReachedNoFileStaysDue() async throws {
        let source: JSONValue = [
            "name": "token",
            "projected": [
                "sources": [["serviceAccountToken": ["path": "token"]], ["configMap": ["name": "c"]]]
            ],
        ]
        let scene = try Scene([source])
        var tokens = PodTokens()
        try await scene.prepare(&tokens, ["c": "1"], at: Self.start)
        let next = await tokens.next(for: scene.pod, at: Self.renewal) { _ in "new" }
        let failures = scene.volumes.refresh(scene.pod, content: scene.content([:], next.tokens))
        tokens.wrote(next.tokens, of: scene.pod, except: Set(failures.map(\.volume)))
        #expect(failures.count == 1)
        #expect(try scene.file("token/token") == "old")
        #expect(tokens.areDue(at: Self.renewal))
    }

    @Test func aTokenThatCannotBeHadKeepsNoConfigMapFromThePod() async throws {
        let scene = try Scene([Self.token, Self.config])
        var tokens = PodTokens()
        try await scene.prepare(&tokens, ["c": "1"], at: Self.start)
        let next = await tokens.next(for: scene.pod, at: Self.renewal) { _ in throw Refusal() }
        #expect(next.failure?.message.hasPrefix("failed to fetch token: ") == true)
        let failures = scene.volumes.refresh(scene.pod, content: scene.content(["c": "2"], next.tokens))
        tokens.wrote(next.tokens, of: scene.pod, except: Set(failures.map(\.volume)))
        #expect(failures.isEmpty)
        #expect(try scene.file("config/k") == "2")
        #expect(try scene.file("token/token") == "old")
        #expect(tokens.areDue(at: Self.renewal))
    }

    @Test func anEmptyDirIsItsContainersOwnOnceItIsThere() throws {
        let scene = try Scene([["name": "data", "emptyDir": [:]], Self.config])
        let prepared = try scene.volumes.prepare(scene.pod, content: scene.content(["c": "1"]))
        let path = try #require(prepared["data"]?.path)
        #expect(try Self.mode(path) == 0o777)
        try systemCall("chmod") { chmod(path, 0o700) }
        #expect(scene.volumes.refresh(scene.pod, content: scene.content(["c": "2"])).isEmpty)
        #expect(try Self.mode(path) == 0o700)
        // Another start of the agent finds it.
        _ = try scene.volumes.prepare(scene.pod, content: scene.content(["c": "2"]))
        #expect(try Self.mode(path) == 0o700)
        #expect(try scene.file("config/k") == "2")
    }

    private static func mode(_ path: String) throws -> mode_t {
        var status = stat()
        try systemCall("stat") { stat(path, &status) }
        return status.st_mode & 0o7777
    }
}
