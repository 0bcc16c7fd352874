import JSON
import OCI
import Testing

@testable import Images

struct ManifestTests {
    private let config = Array("{}".utf8)
    private let layer = Array("layer".utf8)

    @Test func aManifestNeedsItsBlobs() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let manifest = StoreFixture.manifest(config: config, layers: [layer])
            let put = { try await _ = store.putManifest(manifest, type: nil, as: .tag("v1"), in: fixture.repository) }
            #expect(await code(of: put) == .manifestBlobUnknown)
            try await fixture.upload(config, to: store)
            // Of another repository it is no blob of this one.
            try await fixture.upload(layer, to: store, RepositoryName(parsing: "other"))
            #expect(await code(of: put) == .manifestBlobUnknown)
            try await fixture.upload(layer, to: store)
            #expect(await code(of: put) == nil)
        }
    }

    @Test func anIndexNeedsItsManifests() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let index: JSONValue = [
                "schemaVersion": 2, "mediaType": .string(MediaType.ociIndex),
                "manifests": [
                    [
                        "mediaType": .string(MediaType.ociManifest), "size": 5,
                        "digest": .string("\(StoreFixture.digest([1]))"),
                    ]
                ],
            ]
            let failure = await code {
                _ = try await store.putManifest(index.serialized(), type: nil, as: .tag("all"), in: fixture.repository)
            }
            #expect(failure == .manifestBlobUnknown)
        }
    }

    @Test(arguments: [
        ("no JSON", "{"), ("both kinds", #"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#),
        ("schema 1", #"{"schemaVersion":1,"fsLayers":[]}"#), ("neither kind", #"{"schemaVersion":2}"#),
        ("bad digest", #"{"schemaVersion":2,"config":{"mediaType":"a","digest":"sha256:1","size":1},"layers":[]}"#),
        ("subject is no descriptor", #"{"schemaVersion":2,"manifests":[],"subject":{"digest":"x"}}"#),
    ])
    func badManifestsAreRefused(what: String, text: String) async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let failure = await code {
                _ = try await store.putManifest(Array(text.utf8), type: nil, as: .tag("v1"), in: fixture.repository)
            }
            #expect(failure == .invalidManifest, "\(what)")
        }
    }

    @Test func aDeclaredTypeMustFitTheContent() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            try await fixture.upload(config, to: store)
            let manifest = StoreFixture.manifest(config: config, layers: [])
            for type in [MediaType.ociIndex, MediaType.dockerManifest, "image/png"] {
                let failure = await code {
                    _ = try await store.putManifest(manifest, type: type, as: .tag("v1"), in: fixture.repository)
                }
                #expect(failure == .invalidManifest, "\(type)")
            }
        }
    }

    @Test func referrersAreListedByTypeAndGoWithTheirManifest() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            try await fixture.upload(config, to: store)
            let subject = StoreFixture.digest([1, 2, 3])
            let manifest = StoreFixture.manifest(config: config, layers: [], subject: subject)
            let stored = try await store.putManifest(
                manifest, type: nil, as: .digest(StoreFixture.digest(manifest)), in: fixture.repository)
            #expect(stored.subject == subject)
            let all = try await store.referrers(of: subject, in: fixture.repository, type: nil, limit: 10)
            #expect(all.descriptors.compactMap { $0["digest"]?.stringValue } == ["\(stored.digest)"])
            // Without an artifact type it is the config's type.
            #expect(all.descriptors[0]["artifactType"]?.stringValue == MediaType.ociConfig)
            let other = try await store.referrers(of: subject, in: fixture.repository, type: "x/y", limit: 10)
            #expect(other.descriptors.isEmpty)
            try await store.removeManifest(.digest(stored.digest), from: fixture.repository)
            #expect(
                try await store.referrers(of: subject, in: fixture.repository, type: nil, limit: 9).descriptors == [])
        }
    }

    @Test func tagsAndRepositoriesComeInPages() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            try await fixture.upload(config, to: store)
            let manifest = StoreFixture.manifest(config: config, layers: [])
            for tag in ["b", "A", "10", "9", "_x"] {
                _ = try await store.putManifest(manifest, type: nil, as: .tag(tag), in: fixture.repository)
            }
            #expect(try await store.tags(in: fixture.repository, limit: 10) == ["10", "9", "A", "_x", "b"])
            #expect(try await store.tags(in: fixture.repository, after: "9", limit: 2) == ["A", "_x"])
            #expect(try await store.tags(in: fixture.repository, after: "none", limit: 2) == [])
            for name in ["a", "b", "c"] { try await fixture.upload(config, to: store, RepositoryName(parsing: name)) }
            #expect(try await store.repositories(after: "a", limit: 9) { _ in true } == ["b", "c", "team/app"])
            #expect(try await store.repositories(limit: 9) { $0.description < "b" } == ["a"])
        }
    }

    @Test func aBlobThatAManifestNeedsIsNotDeleted() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let digest = try await fixture.upload(config, to: store)
            let manifest = try await store.putManifest(
                StoreFixture.manifest(config: config, layers: []), type: nil, as: .tag("v1"), in: fixture.repository)
            #expect(await code { try await store.removeBlob(digest, from: fixture.repository) } == .unsupported)
            try await store.removeManifest(.digest(manifest.digest), from: fixture.repository)
            try await store.removeBlob(digest, from: fixture.repository)
            #expect(await code { try await store.removeBlob(digest, from: fixture.repository) } == .unknownBlob)
        }
    }
}
