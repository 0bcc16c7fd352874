import JSON
import OCI
import Testing

@Suite struct ImageDocumentTests {
    static let a = "sha256:" + String(repeating: "aa", count: 32)
    static let config = #"{"mediaType":"\#(MediaType.ociConfig)","digest":"\#(a)","size":2}"#
    static let layer = #"{"mediaType":"\#(MediaType.ociLayerGzip)","digest":"\#(a)","size":3}"#
    static let manifest =
        #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":\#(config),"layers":[\#(layer)]}"#

    func parse(_ text: String, _ type: String? = nil) throws -> ImageDocument {
        try ImageDocument(parsing: Array(text.utf8), declaredType: type)
    }

    @Test func readsAManifest() throws {
        guard case .manifest(let manifest) = try parse(Self.manifest, MediaType.ociManifest) else {
            Issue.record("not a manifest")
            return
        }
        #expect(manifest.layers.map(\.size) == [3])
    }

    @Test func ignoresTypesThatSayNothing() throws {
        _ = try parse(Self.manifest, "application/json; charset=utf-8")
    }

    @Test(arguments: [
        #"{"schemaVersion":2,"manifests":[],"layers":[]}"#,
        #"{"schemaVersion":2,"manifests":[],"config":{}}"#,
        #"{"schemaVersion":2}"#, #"{"manifests":[]}"#, #"[]"#, #"{"schemaVersion":1,"fsLayers":[]}"#,
        #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","manifests":[]}"#,
        #"{"schemaVersion":2,"mediaType":"text/html","manifests":[]}"#,
        #"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:1","size":1}]}"#,
        #"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"\#(a)","size":-1}]}"#,
        "{",
    ])
    func refusesWhatIsNotExactlyOne(_ text: String) {
        #expect(throws: OCIError.self) { try parse(text) }
    }

    @Test func refusesAnotherTypeThanDeclared() {
        #expect(throws: OCIError.self) { try parse(Self.manifest, MediaType.dockerManifest) }
        #expect(throws: OCIError.self) { try parse(Self.manifest, MediaType.ociIndex) }
    }

    @Test func readsAConfigWithNullsAndUnknownFields() throws {
        let text = """
            {"architecture":"amd64","os":"linux","x":1,"config":{"Cmd":null,"Entrypoint":["/a"],"ExposedPorts":{"80/tcp":{}}},
             "rootfs":{"type":"layers","diff_ids":["\(Self.a)"]},"history":[{"created_by":"x","empty_layer":true}]}
            """
        let config = try ImageConfig(parsing: Array(text.utf8))
        #expect(config.config?.cmd == nil)
        #expect(config.config?.entrypoint == ["/a"])
        #expect(config.config?.exposedPorts?.keys.sorted() == ["80/tcp"])
        #expect(config.platform == Platform(architecture: "amd64"))
        #expect(throws: OCIError.self) {
            try ImageConfig(parsing: Array(#"{"architecture":"a","os":"b","rootfs":{"type":"x","diff_ids":[]}}"#.utf8))
        }
    }
}
