import CArchive
import JSON
import Linux
import Logging
import NIOHTTP1
import OCI
import Synchronization
import Testing

@testable import Images

/// Pulls from a registry that misbehaves as told.
@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"))
struct PullTests {
    let scratch: Scratch
    let store: ImageStore
    let sample: SampleImage

    init() throws {
        scratch = try Scratch()
        store = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
        sample = try SampleImage()
    }

    /// Pulls `name` from a registry with these answers; whatever it does not answer is a 404.
    func pull(
        _ name: String = "demo:1", credentials: RegistryCredentials? = nil,
        _ answer: @escaping @Sendable (FakeRegistry.Asked) -> FakeRegistry.Answer?
    ) async throws -> (result: Result<Image, ImageError>, registry: FakeRegistry) {
        let registry = try await FakeRegistry {
            answer($0) ?? .init(status: .notFound, body: Array(#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#.utf8))
        }
        let result: Result<Image, ImageError>
        do {
            result = .success(try await store.pull(try registry.reference(name), credentials: credentials))
        } catch let error as ImageError {
            result = .failure(error)
        }
        try await registry.stop()
        return (result, registry)
    }

    func expectNothingLeft() throws {
        #expect(try Files.listDirectory(scratch.path + "/data/layers").isEmpty)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
    }

    @Test(arguments: [Compression.gzip, .zstd]) func pullsUnpacksAndRecords(_ compression: Compression) async throws {
        let sample = try SampleImage(compression: compression)
        let (result, registry) = try await pull { sample.answer($0.uri) }
        let image = try result.get()
        #expect(image.id == sample.id && image.manifestDigest == sample.manifestDigest)
        #expect(image.references == ["\(registry.authority)/demo:1"])
        #expect(image.repositoryDigests == ["\(registry.authority)/demo@\(sample.manifestDigest)"])
        #expect(try Files.read(try #require(image.layerDirectories.first) + "/etc/hello") == Array("world".utf8))
        #expect(try await store.find("\(registry.authority)/demo:1")?.id == image.id)
        #expect(try await store.find(String(image.id.hex.prefix(6)))?.id == image.id)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
    }

    @Test func aSecondPullFetchesOnlyTheManifest() async throws {
        let sample = sample
        _ = try await pull { sample.answer($0.uri) }.result.get()
        let (result, registry) = try await pull { sample.answer($0.uri) }
        _ = try result.get()
        #expect(registry.requests.filter { $0.uri.contains("/blobs/") }.isEmpty)
    }

    @Test func choosesThePlatformOfAnIndex() async throws {
        let sample = sample
        let other = try SampleImage(architecture: "s390x", file: "other")
        let index = try JSONValue(
            encoding: ImageIndex(manifests: [
                other.descriptor(Platform(architecture: "s390x")), sample.descriptor(.current),
            ])
        ).serialized()
        let (result, _) = try await pull {
            $0.uri.hasSuffix("/manifests/1") ? .body(index, type: MediaType.ociIndex) : sample.answer($0.uri, tag: "-")
        }
        let image = try result.get()
        #expect(image.id == sample.id)
        #expect(image.repositoryDigests.first?.hasSuffix("\(ContentHasher.digest(of: index))") == true)
    }

    @Test func namesThePlatformsThatThereAre() async throws {
        let other = try SampleImage(architecture: "s390x")
        let index = try JSONValue(
            encoding: ImageIndex(manifests: [other.descriptor(Platform(architecture: "s390x"))])
        ).serialized()
        let (result, _) = try await pull { _ in .body(index, type: MediaType.ociIndex) }
        #expect(throws: ImageError.self) { try result.get() }
        guard case .failure(let error) = result else { return }
        #expect(error.code == .noMatchingPlatform && error.message.contains("linux/s390x"))
        let (single, _) = try await pull { other.answer($0.uri) }
        guard case .failure(let error) = single else { return }
        #expect(error.code == .noMatchingPlatform)
    }

    @Test func anIndexInAnIndexIsFollowed() async throws {
        let sample = sample
        let inner = try JSONValue(encoding: ImageIndex(manifests: [sample.descriptor(.current)])).serialized()
        let entry = Descriptor(
            mediaType: MediaType.ociIndex, digest: ContentHasher.digest(of: inner), size: Int64(inner.count))
        let outer = try JSONValue(encoding: ImageIndex(manifests: [entry])).serialized()
        let (result, _) = try await pull {
            if $0.uri.hasSuffix("/manifests/1") { return .body(outer, type: MediaType.ociIndex) }
            if $0.uri.hasSuffix("/manifests/\(entry.digest)") { return .body(inner, type: MediaType.ociIndex) }
            return sample.answer($0.uri, tag: "-")
        }
        #expect(try result.get().id == sample.id)
    }

    /// The same image under Docker's names of the media types, behind a manifest list.
    @Test func dockerSchema2IsTheSame() async throws {
        let sample = sample
        let names = [
            MediaType.ociManifest: MediaType.dockerManifest, MediaType.ociConfig: MediaType.dockerConfig,
            MediaType.ociLayerGzip: MediaType.dockerLayerGzip,
        ]
        var manifest = String(decoding: sample.manifest, as: UTF8.self)
        for (oci, docker) in names {
            manifest = manifest.split(separator: oci, omittingEmptySubsequences: false).joined(separator: docker)
        }
        let bytes = Array(manifest.utf8)
        #expect(bytes != sample.manifest)
        let list = Array(
            """
            {"schemaVersion": 2, "mediaType": "\(MediaType.dockerManifestList)", "manifests": [
                {"mediaType": "\(MediaType.dockerManifest)", "digest": "\(ContentHasher.digest(of: bytes))",
                 "size": \(bytes.count), "platform": {"os": "linux", "architecture": "\(Platform.current.architecture)"}}]}
            """.utf8)
        let (result, registry) = try await pull {
            if $0.uri.hasSuffix("/manifests/1") { return .body(list, type: MediaType.dockerManifestList) }
            if $0.uri.contains("/manifests/") { return .body(bytes, type: MediaType.dockerManifest) }
            return sample.answer($0.uri)
        }
        #expect(try result.get().id == sample.id)
        let accepted = registry.requests.first { $0.uri.contains("/manifests/") }?.headers["Accept"] ?? []
        #expect(Set(accepted) == Set(MediaType.acceptedManifests))
    }

    @Test(arguments: [
        (#"{"schemaVersion": 1, "fsLayers": []}"#, "schema 1"),
        (
            #"{"schemaVersion": 2, "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "#
                + #""digest": "sha256:\#(String(repeating: "0", count: 64))", "size": 2}, "layers": []}"#,
            "artifact of type"
        ),
    ]) func whatIsNoImageOfTodayIsRefusedByName(_ manifest: String, _ words: String) async throws {
        let (result, registry) = try await pull { _ in .body(Array(manifest.utf8), type: "application/json") }
        guard case .failure(let error) = result else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == .unsupportedMediaType && error.message.contains(words), "\(error)")
        #expect(registry.requests.allSatisfy { !$0.uri.contains("/blobs/") })
    }

    @Test func anUnknownImageIsNamedWithItsRemedy() async throws {
        let (result, registry) = try await pull { _ in nil }
        guard case .failure(let error) = result else { return }
        #expect(error.code == .unknownImage)
        #expect(error.message.contains("\(registry.authority)/demo:1") && error.message.contains("manifest unknown"))
        #expect(error.message.contains("check the name and tag"))
    }

    @Test func anUnreachableRegistryIsNamed() async throws {
        let registry = try await FakeRegistry { _ in .init() }
        let reference = try registry.reference("demo:1")
        try await registry.stop()
        do {
            _ = try await store.pull(reference)
            Issue.record("pulled from nowhere")
        } catch {
            #expect(error.code == .registryUnreachable)
            #expect(error.message.contains("Connection refused") && error.message.contains(reference.registry))
        }
        do {
            _ = try await store.pull(try ImageReference(parsing: "no-such-host.invalid/demo:1"))
            Issue.record("pulled from nowhere")
        } catch let error as ImageError {
            #expect(error.code == .registryUnreachable && error.message.contains("no-such-host.invalid"))
        }
    }

    @Test func contentThatIsNotWhatItsDigestSaysIsRefused() async throws {
        let sample = sample
        for part in ["blobs/\(sample.id)", "blobs/\(sample.layerDigest)"] {
            let (result, _) = try await pull {
                guard $0.uri.hasSuffix(part), var answer = sample.answer($0.uri) else { return sample.answer($0.uri) }
                answer.body[answer.body.count / 2] ^= 1
                return answer
            }
            guard case .failure(let error) = result else {
                Issue.record("accepted a changed \(part)")
                continue
            }
            #expect(error.code == .digestMismatch)
            try expectNothingLeft()
        }
        let (result, _) = try await pull("demo@\(sample.id)") { _ in .body(sample.manifest, type: MediaType.ociManifest)
        }
        guard case .failure(let error) = result else { return }
        #expect(error.code == .digestMismatch)
    }

    @Test func aDiffIDThatIsNotTheConfigsIsRefused() async throws {
        let sample = sample
        let other = try SampleImage(file: "other")
        // The other image's layer under this image's config.
        let manifest = try JSONValue(
            encoding: ImageManifest(
                config: Descriptor(mediaType: MediaType.ociConfig, digest: sample.id, size: Int64(sample.config.count)),
                layers: [
                    Descriptor(
                        mediaType: MediaType.ociLayerGzip, digest: other.layerDigest, size: Int64(other.layer.count))
                ])
        ).serialized()
        let (result, _) = try await pull {
            $0.uri.hasSuffix("/manifests/1")
                ? .body(manifest, type: MediaType.ociManifest) : sample.answer($0.uri) ?? other.answer($0.uri)
        }
        guard case .failure(let error) = result else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == .digestMismatch && error.message.contains("diff ID"))
        try expectNothingLeft()
    }

    @Test func oversizedDocumentsAreRefused() async throws {
        let (result, _) = try await pull { _ in
            .body([UInt8](repeating: 0x20, count: 5 << 20), type: MediaType.ociManifest)
        }
        guard case .failure(let error) = result else { return }
        #expect(error.code == .limitExceeded)
    }

    @Test func aBrokenTransferIsTriedAgain() async throws {
        let sample = sample
        let cuts = Mutex(1)
        let (result, _) = try await pull {
            guard var answer = sample.answer($0.uri) else { return nil }
            let cut =
                $0.uri.hasSuffix("\(sample.layerDigest)")
                && cuts.withLock {
                    $0 -= 1; return $0 >= 0
                }
            if cut { answer.cutAfter = 20 }
            return answer
        }
        #expect(try result.get().id == sample.id)
    }

    @Test func aBusyRegistryIsAskedAgain() async throws {
        let sample = sample
        let refusals = Mutex(2)
        let (result, registry) = try await pull {
            let refuse = refusals.withLock {
                $0 -= 1; return $0 >= 0
            }
            return refuse ? .init(status: .tooManyRequests, headers: ["Retry-After": "0"]) : sample.answer($0.uri)
        }
        #expect(try result.get().id == sample.id)
        #expect(registry.requests.filter { $0.uri.hasSuffix("/manifests/1") }.count == 3)
    }

    // MARK: Authorization

    @Test func anonymousTokensAreFetchedAndSent() async throws {
        let sample = sample
        let (result, registry) = try await pull { asked in
            if asked.uri.hasPrefix("/token") { return .body(Array(#"{"token":"T0K"}"#.utf8)) }
            guard asked.headers["Authorization"] == ["Bearer T0K"] else {
                let realm = "http://\(asked.headers.first(name: "Host") ?? "")/token"
                let challenge = #"Bearer realm="\#(realm)",service="reg, istry",scope="repository:demo:pull""#
                return .init(status: .unauthorized, headers: ["WWW-Authenticate": challenge])
            }
            return sample.answer(asked.uri)
        }
        #expect(try result.get().id == sample.id)
        let tokens = registry.requests.filter { $0.uri.hasPrefix("/token") }
        #expect(tokens.map(\.uri) == ["/token?service=reg%2C%20istry&scope=repository%3Ademo%3Apull"])
        #expect(tokens.first?.headers["Authorization"] == [])
    }

    @Test func aTokenServerOverPlainHTTPElsewhereGetsNothing() async throws {
        let (result, _) = try await pull(credentials: RegistryCredentials(username: "u", password: "p")) { _ in
            .init(status: .unauthorized, headers: ["WWW-Authenticate": #"Bearer realm="http://token.example/t""#])
        }
        guard case .failure(let error) = result else { return }
        #expect(error.code == .registryFailure && error.message.contains("not https"))
    }

    @Test func basicCredentialsAreSentWhenAsked() async throws {
        let sample = sample
        let answer: @Sendable (FakeRegistry.Asked) -> FakeRegistry.Answer? = {
            $0.headers["Authorization"] == ["Basic dTpw"]
                ? sample.answer($0.uri)
                : .init(status: .unauthorized, headers: ["WWW-Authenticate": #"Basic realm="x""#])
        }
        let (result, _) = try await pull(credentials: .init(username: "u", password: "p"), answer)
        #expect(try result.get().id == sample.id)
        for credentials in [nil, RegistryCredentials(username: "u", password: "wrong")] {
            let (refused, _) = try await pull(credentials: credentials, answer)
            guard case .failure(let error) = refused else {
                Issue.record("let in")
                continue
            }
            #expect(error.code == .unauthorized)
        }
    }

    @Test func authorizationDoesNotFollowARedirectToAnotherServer() async throws {
        let sample = sample
        let elsewhere = try await FakeRegistry { sample.answer($0.uri) ?? .init(status: .notFound) }
        let location = "http://\(elsewhere.authority)"
        let (result, _) = try await pull(credentials: .init(username: "u", password: "p")) {
            guard $0.headers["Authorization"] == ["Basic dTpw"] else {
                return .init(status: .unauthorized, headers: ["WWW-Authenticate": #"Basic realm="x""#])
            }
            if $0.uri.contains("/blobs/") {
                return .init(status: .temporaryRedirect, headers: ["Location": location + $0.uri])
            }
            return sample.answer($0.uri)
        }
        #expect(try result.get().id == sample.id)
        #expect(elsewhere.requests.count == 2)
        #expect(elsewhere.requests.allSatisfy { $0.headers["Authorization"].isEmpty })
        try await elsewhere.stop()
    }

    @Test func readsChallengesWithSeveralSchemes() {
        let parsed = AuthChallenge.parse(#"Basic realm="a\"b", Bearer realm="https://t/x",service=s,scope="a b,c""#)
        #expect(parsed.map(\.scheme) == ["basic", "bearer"])
        #expect(parsed[0].parameters == ["realm": "a\"b"])
        #expect(parsed[1].parameters == ["realm": "https://t/x", "service": "s", "scope": "a b,c"])
    }

    @Test func resolvesRedirects() throws {
        let base = try #require(WebAddress("https://a.example/v2/x/y?q"))
        #expect(base.resolving("/z")?.description == "https://a.example/z")
        #expect(base.resolving("z")?.description == "https://a.example/v2/x/z")
        #expect(base.resolving("//b/c")?.host == "b")
        #expect(base.resolving("http://b:81/c")?.authority == "b:81")
        #expect(base.resolving("ftp://b/c") == nil)
        #expect(WebAddress("https://user@host/") == nil)
        #expect(WebAddress("https://host:0/") == nil)
        #expect(WebAddress.isLoopback("127.1.2.3") && !WebAddress.isLoopback("127.0.0.1.example"))
    }
}
