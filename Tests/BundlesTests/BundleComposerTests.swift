import FleetProtocol
import Images
import JSON
import OCI
import Testing

@testable import Bundles

struct BundleComposerTests {
    private static let pod: JSONValue = [
        "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p", "uid": "u", "resourceVersion": "3"],
        "spec": ["containers": [["name": "main", "image": "app:1"]]], "status": ["phase": "Running"],
    ]

    @Test func imagesInObjectsArePinnedToWhatIsCarried() throws {
        let image = try BundleFixture.image()
        var composer = try BundleFixture.composer([image])
        try composer.setObjects([Self.pod], namespace: "shop")
        let document = try Document(parsing: try Self.objects(composer))
        let object = try #require(document.objects.first)
        #expect(
            object["spec"]?["containers"]?[0]?["image"]?.stringValue == "app:1@\(image.manifestDigest)")
        #expect(object["metadata"]?["namespace"]?.stringValue == "shop")
        #expect(object["metadata"]?["uid"] == nil)
        #expect(object["metadata"]?["resourceVersion"] == nil)
        #expect(object["status"] == nil)
    }

    @Test func anImageThatIsNotCarriedIsRefusedByName() throws {
        var composer = try BundleFixture.composer([try BundleFixture.image(name: "other:1")])
        let error = #expect(throws: BundleError.self) { try composer.setObjects([Self.pod]) }
        #expect(error?.code == .input)
        #expect(error?.message.contains("app:1") == true)
        #expect(error?.message.contains("other:1") == true)
    }

    @Test func layersOfTheBaseAreLeftOutAndExpected() throws {
        let layers: [[UInt8]] = [[1], [2], [3]]
        let image = try BundleFixture.image(layers: layers)
        var composer = try BundleFixture.composer(layers: layers)
        composer.addBase(image.layers.prefix(2).map(\.diffID))
        try BundleFixture.add(image, layers, to: &composer)
        let manifest = try composer.finish().manifest
        #expect(manifest.expected.map(\.blob) == image.layers.prefix(2).map(\.blob))
        #expect(manifest.images[0].layers.count == 3)
    }

    @Test func aLayerThatIsNowhereIsTold() throws {
        var composer = try BundleFixture.composer()
        let image = try BundleFixture.image()
        let error = #expect(throws: BundleError.self) { try composer.add(image) { _ in nil } }
        #expect(error?.message.contains(image.layers[0].blob.short) == true)
    }

    @Test func aBlobWithOtherContentThanItsNameIsNeverSigned() async throws {
        var composer = try BundleFixture.composer()
        try composer.add(try BundleFixture.image()) { layer in .bytes([UInt8](repeating: 0, count: Int(layer.size))) }
        await #expect(throws: BundleError.self) { try await BundleFixture().bytes(composer) }
    }

    @Test func theSameInputGivesTheSameManifest() throws {
        func manifest() throws -> BundleManifest {
            var composer = try BundleFixture.composer([try BundleFixture.image()])
            try composer.setObjects([BundleFixture.configMap, Self.pod])
            return try composer.finish().manifest
        }
        #expect(try manifest() == manifest())
    }

    @Test(arguments: ["", "A", "-a", "a/b", "a b", String(repeating: "a", count: 64)])
    func aNameThatCannotBeIsRefused(_ name: String) {
        #expect(throws: BundleError.self) { try BundleComposer(name: name, sequence: 1, issuedAt: 1) }
    }

    private static func objects(_ composer: BundleComposer) throws -> [UInt8] {
        let part = try #require(try composer.finish().parts.first { $0.file.path == "objects.json" })
        guard case .bytes(let bytes) = part.source else { return [] }
        return bytes
    }
}

struct BundleStandingTests {
    private func installed(
        _ sequence: Int64, _ state: BundleRevision.State, over previous: Int64? = nil
    ) -> BundleRevision {
        func content(_ sequence: Int64) -> BundleRevision.Content {
            .init(sequence: sequence, digest: "d\(sequence)", document: [])
        }
        return BundleRevision(
            name: "app", current: content(sequence), state: state, previous: previous.map(content))
    }

    private func standing(_ sequence: Int64, _ digest: String? = nil, over row: BundleRevision?)
        -> BundleRevision.Standing
    {
        BundleRevision.standing(sequence: sequence, digest: digest ?? "d\(sequence)", over: row)
    }

    @Test func aFirstBundleIsNewer() { #expect(standing(1, over: nil) == .newer) }

    @Test func onlyAHigherSequenceReplacesWhatWasReady() {
        let row = installed(5, .healthy)
        #expect(standing(6, over: row) == .newer)
        #expect(standing(5, over: row) == .current)
        #expect(standing(5, "other", over: row) == .equivocation)
        #expect(standing(4, over: row) == .older)
    }

    @Test func aTrialDoesNotRaiseTheFloor() {
        let row = installed(5, .trial, over: 3)
        #expect(standing(4, over: row) == .newer)
        #expect(standing(3, over: row) == .newer)
        #expect(standing(3, "other", over: row) == .equivocation)
        #expect(standing(2, over: row) == .older)
        #expect(standing(1, over: installed(5, .trial)) == .newer)
    }
}
