import Crypto
import JSON
import Linux
import Logging
import NIOHTTP1
import OCI
import Testing

@testable import Images

/// A key of a test and what it signs, in cosign's forms.
struct Signer {
    let key = P256.Signing.PrivateKey()

    var pem: String { key.publicKey.pemRepresentation }

    func sign(_ message: [UInt8]) throws -> [UInt8] { Array(try key.signature(for: message).derRepresentation) }

    static func payload(_ digest: OCI.Digest, name: String = "registry.test/app") -> [UInt8] {
        let value: JSONValue = [
            "critical": [
                "identity": ["docker-reference": .string(name)],
                "image": ["docker-manifest-digest": .string(digest.description)],
                "type": "cosign container image signature",
            ], "optional": .null,
        ]
        return value.serialized()
    }

    func simpleSigning(_ digest: OCI.Digest, name: String = "registry.test/app") throws -> ImageSignature {
        let payload = Self.payload(digest, name: name)
        return ImageSignature(form: .simpleSigning, payload: payload, signature: try sign(payload))
    }

    func envelope(_ digest: OCI.Digest, predicate: String = "https://sigstore.dev/cosign/sign/v1") throws
        -> ImageSignature
    {
        let statement: JSONValue = [
            "_type": "https://in-toto.io/Statement/v1", "predicateType": .string(predicate),
            "subject": [["digest": ["sha256": .string(digest.hex)]]], "predicate": [:],
        ]
        let type = "application/vnd.in-toto+json"
        let bytes = statement.serialized()
        let message = Array("DSSEv1 \(type.utf8.count) \(type) \(bytes.count) ".utf8) + bytes
        return bundle([
            "dsseEnvelope": [
                "payload": .string(Base64.encode(bytes)), "payloadType": .string(type),
                "signatures": [["sig": .string(Base64.encode(try sign(message)))]],
            ]
        ])
    }

    func message(_ document: [UInt8]) throws -> ImageSignature {
        bundle(["messageSignature": ["signature": .string(Base64.encode(try sign(document)))]])
    }

    private func bundle(_ content: [String: JSONValue]) -> ImageSignature {
        var value = content
        value["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json"
        value["verificationMaterial"] = ["publicKey": ["hint": "x"]]
        return ImageSignature(form: .bundle, payload: JSONValue.object(value).serialized(), signature: [])
    }
}

@Suite struct SignatureVerifierTests {
    let signer = Signer()
    let document = Array(#"{"schemaVersion":2}"#.utf8)
    var subject: SignatureVerifier.Subject { .init(digest: ContentHasher.digest(of: document), document: document) }

    func verifier(
        _ signer: Signer, identity: SignedIdentity? = nil, validity: ClosedRange<Int64>? = nil, now: Int64 = 100,
        admittedBy: Set<OCI.Digest> = []
    ) throws -> SignatureVerifier {
        let key = try TrustedKey(pem: signer.pem, name: "test.pub", validity: validity)
        return SignatureVerifier(
            requirement: SignatureRequirement(keys: [key], identity: identity),
            reference: try ImageReference(parsing: "registry.test/app:1"), now: now, admittedBy: admittedBy)
    }

    func code(_ body: () throws -> Void) -> ImageError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? ImageError)?.code
        }
    }

    @Test func everyFormOfSignatureOfThisDigestIsGood() throws {
        for signature in [
            try signer.simpleSigning(subject.digest), try signer.envelope(subject.digest), try signer.message(document),
        ] {
            #expect(try verifier(signer).verify([signature], of: subject).name == "test.pub")
        }
    }

    @Test func aGoodSignatureCountsBesideBadOnes() throws {
        let signatures = [
            ImageSignature(form: .bundle, payload: [1], signature: []), try Signer().simpleSigning(subject.digest),
            try signer.simpleSigning(subject.digest),
        ]
        #expect(try verifier(signer).verify(signatures, of: subject).name == "test.pub")
    }

    @Test func whatIsNotASignatureOfThisDigestIsRefused() throws {
        let other = ContentHasher.digest(of: [1])
        let payload = Signer.payload(subject.digest)
        let bad: [(ImageSignature, String)] = [
            (try Signer().simpleSigning(subject.digest), "no signature"),
            (try signer.simpleSigning(other), "for another image"),
            (try signer.envelope(other), "for another image"),
            (try signer.envelope(subject.digest, predicate: "https://slsa.dev/provenance/v1"), "attestation"),
            (try signer.message([1, 2]), "no signature"),
            (ImageSignature(form: .simpleSigning, payload: payload, signature: []), "no signature"),
            (
                ImageSignature(form: .simpleSigning, payload: payload + [0x20], signature: try signer.sign(payload)),
                "no signature"
            ), (ImageSignature(form: .bundle, payload: Array("{}".utf8), signature: []), "only keys are trusted"),
        ]
        for (signature, reason) in bad {
            let error = #expect(throws: ImageError.self) { try verifier(signer).verify([signature], of: subject) }
            #expect(
                error?.code == .signatureInvalid && error?.message.contains(reason) == true,
                "\(reason): \(error as Any)")
        }
        #expect(code { _ = try verifier(signer).verify([], of: subject) } == .signatureMissing)
    }

    @Test func aKeyAdmitsOnlyInItsTimeButKeepsWhatItAdmitted() throws {
        let signature = try signer.simpleSigning(subject.digest)
        for now in [Int64(9), 21] {
            #expect(
                code { _ = try verifier(signer, validity: 10...20, now: now).verify([signature], of: subject) }
                    == .keyExpired)
            let key = try verifier(signer).requirement.keys[0].fingerprint
            let later = try verifier(signer, validity: 10...20, now: now, admittedBy: [key])
            #expect(try later.verify([signature], of: subject).fingerprint == key)
        }
        #expect(try verifier(signer, validity: 10...20, now: 20).verify([signature], of: subject).name == "test.pub")
    }

    @Test func theSignedNameIsComparedWhenThePolicyAsks() throws {
        let app = try signer.simpleSigning(subject.digest, name: "registry.test/app")
        let tagged = try signer.simpleSigning(subject.digest, name: "registry.test/app:1")
        let foreign = try signer.simpleSigning(subject.digest, name: "registry.test/other")
        let upstream = try signer.simpleSigning(subject.digest, name: "upstream.test/x/app")
        let unnamed = try signer.envelope(subject.digest)
        let cases: [(SignedIdentity, [ImageSignature], [ImageSignature])] = [
            (.matchRepository, [app, tagged], [foreign, unnamed]), (.matchExact, [tagged], [app, foreign]),
            (.exactRepository(try ImageReference(parsing: "registry.test/other")), [foreign], [app]),
            (.exactReference(try ImageReference(parsing: "registry.test/app:1")), [tagged], [foreign]),
            (.remap(prefix: "registry.test", signedPrefix: "upstream.test/x"), [upstream], [app, foreign]),
        ]
        for (identity, good, bad) in cases {
            for signature in good {
                #expect(try verifier(signer, identity: identity).verify([signature], of: subject).name == "test.pub")
            }
            for signature in bad {
                #expect(
                    code { _ = try verifier(signer, identity: identity).verify([signature], of: subject) }
                        == .signatureInvalid)
            }
        }
    }
}

@Suite struct ImagePolicyTests {
    let scratch: Scratch
    let signer = Signer()

    init() throws { scratch = try Scratch() }

    func policy(_ text: String) throws -> ImagePolicy {
        _ = try scratch.write("app.pub", Array(signer.pem.utf8))
        _ = try scratch.write(ImagePolicyFile.name, Array(text.utf8))
        return try #require(try ImagePolicyFile(directory: scratch.path).load())
    }

    @Test func theLongestScopeWins() throws {
        let policy = try policy(
            """
            {"default": [{"type": "reject"}], "transports": {"docker": {
              "registry.test": [{"type": "insecureAcceptAnything"}],
              "registry.test/app": [{"type": "sigstoreSigned", "keyPath": "app.pub"}],
              "registry.test/app:old": [{"type": "reject"}],
              "*.example.com": [{"type": "insecureAcceptAnything"}],
              "docker.io/library": [{"type": "insecureAcceptAnything"}]}}}
            """)
        for (name, scope) in [
            ("registry.test/other/x", "registry.test"), ("registry.test/app", "registry.test/app"),
            ("registry.test/app/sub:1", "registry.test/app"), ("registry.test/app:old", "registry.test/app:old"),
            ("registry.test/apple", "registry.test"), ("a.b.example.com:5000/x", "*.example.com"),
            ("busybox", "docker.io/library"),
        ] {
            #expect(policy.rule(for: try ImageReference(parsing: name)).scope == "scope \"\(scope)\"", "\(name)")
        }
        for name in ["example.com/x", "docker.io/other/x", "registry.test.evil/x"] {
            #expect(policy.rule(for: try ImageReference(parsing: name)).scope == "the default", "\(name)")
        }
        #expect(policy.rule(for: nil).scope == "the default")
    }

    @Test func theFingerprintCoversTheKeys() throws {
        let text = #"{"default": [{"type": "sigstoreSigned", "keyPath": "app.pub"}]}"#
        let first = try policy(text).fingerprint
        #expect(try policy(text).fingerprint == first)
        _ = try scratch.write("app.pub", Array(Signer().pem.utf8))
        #expect(try ImagePolicyFile(directory: scratch.path).load()?.fingerprint != first)
    }

    @Test func whatIsNotUnderstoodBreaksThePolicy() throws {
        for (text, reason) in [
            ("", "JSON"), ("{}", "no \"default\""), (#"{"default": []}"#, "at least one"),
            (#"{"default": [{"type": "accept"}]}"#, "type \"accept\""),
            (#"{"default": [{"type": "signedBy", "keyPath": "k"}]}"#, "GPG"),
            (#"{"default": [{"type": "sigstoreSigned"}]}"#, "names no key"),
            (#"{"default": [{"type": "sigstoreSigned", "keyPath": "absent.pub"}]}"#, "absent.pub"),
            (#"{"default": [{"type": "sigstoreSigned", "keyData": "AAAA"}]}"#, "PEM"),
            (#"{"default": [{"type": "sigstoreSigned", "keyPath": "app.pub", "fulcio": {}}]}"#, "fulcio"),
            (#"{"default": [{"type": "reject", "if": "x"}]}"#, "\"if\""),
            (
                #"{"default": [{"type": "reject"}], "transports": {"docker": {"busybox": [{"type": "reject"}]}}}"#,
                "busybox"
            ),
            (
                #"{"default": [{"type": "reject"}], "transports": {"oci": {"": [{"type": "reject"}]}}}"#,
                "transports.oci"
            ),
            (
                #"{"default": [{"type": "sigstoreSigned", "keys": [{"keyPath": "app.pub", "notAfter": "soon"}]}]}"#,
                "notAfter"
            ),
        ] {
            let error = #expect(throws: ImageError.self) { try policy(text) }
            #expect(error?.code == .policyBroken && error?.message.contains(reason) == true, "\(text): \(error as Any)")
        }
    }

    @Test func keysOfEveryKindAreTaken() throws {
        for pem in [
            P256.Signing.PrivateKey().publicKey.pemRepresentation,
            P384.Signing.PrivateKey().publicKey.pemRepresentation,
            P521.Signing.PrivateKey().publicKey.pemRepresentation,
        ] {
            let encoded = Base64.encode(Array(pem.utf8))
            let text = #"{"default": [{"type": "sigstoreSigned", "keyData": "\#(encoded)"}]}"#
            #expect(try policy(text).defaults.count == 1)
        }
    }

    @Test func anRSAKeyTakesCosignsFormOfSignatureOnly() throws {
        let message = Array("payload".utf8)
        let key = try TrustedKey(pem: RSASample.key, name: "rsa")
        let signature = try #require(Base64.decode(RSASample.signature))
        #expect(signature.count == 256 && key.isValid(signature, for: message))
        #expect(!key.isValid(signature, for: message + [0]))
        #expect(!key.isValid(signature + [0], for: message) && !key.isValid(Array(signature.dropLast()), for: message))
        #expect(!key.isValid([], for: message) && !key.isValid([UInt8](repeating: 0, count: 256), for: message))
        for other in [RSASample.pss, RSASample.sha384, RSASample.otherKey] {
            let bytes = try #require(Base64.decode(other))
            #expect(bytes.count == 256 && !key.isValid(bytes, for: message))
        }
        let error = #expect(throws: ImageError.self) { try TrustedKey(pem: RSASample.shortKey, name: "short") }
        #expect(error?.code == .policyBroken)
    }

    @Test func base64IsReadBack() {
        for count in 0...7 {
            let bytes = (0..<count).map { UInt8(200 + $0) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        #expect(Base64.decode("QUI") == Array("AB".utf8) && Base64.decode("QUI=") == Array("AB".utf8))
        #expect(Base64.decode("QQ=") == nil && Base64.decode("QUI==") == nil && Base64.decode("=") == nil)
        #expect(Base64.decode("A") == nil && Base64.decode("AA=A") == nil && Base64.decode("A*") == nil)
    }
}

@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"))
struct TrustedPullTests {
    let scratch: Scratch
    let store: ImageStore
    let signer = Signer()

    init() throws {
        scratch = try Scratch()
        store = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
    }

    func write(policy: String) throws {
        try Files.writeAtomically(Array(policy.utf8), to: scratch.path + "/data/image-policy.json", durable: false)
    }

    var signed: String {
        let key = Base64.encode(Array(signer.pem.utf8))
        return #"{"default": [{"type": "sigstoreSigned", "keyData": "\#(key)"}]}"#
    }

    /// A registry with one image and, where given, its signature under cosign's tag.
    func registry(_ sample: SampleImage, signature: ImageSignature?) async throws -> FakeRegistry {
        let payload = signature?.payload ?? []
        let manifest: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest),
            "config": [
                "mediaType": .string(MediaType.ociConfig), "size": 2,
                "digest": .string(ContentHasher.digest(of: Array("{}".utf8)).description),
            ],
            "layers": [
                [
                    "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                    "digest": .string(ContentHasher.digest(of: payload).description),
                    "size": .integer(Int64(payload.count)),
                    "annotations": [
                        "dev.cosignproject.cosign/signature": .string(Base64.encode(signature?.signature ?? []))
                    ],
                ]
            ],
        ]
        return try await FakeRegistry { asked in
            let last = asked.uri.split(separator: "/").last.map(String.init) ?? ""
            // As registries of the first specification do.
            if asked.uri.contains("/referrers/") { return FakeRegistry.Answer(status: .notFound) }
            if last == "1" || last == sample.manifestDigest.description {
                return .body(sample.manifest, type: MediaType.ociManifest)
            }
            if last == "sha256-\(sample.manifestDigest.hex).sig", signature != nil {
                return .body(manifest.serialized(), type: MediaType.ociManifest)
            }
            if signature != nil, last == ContentHasher.digest(of: payload).description { return .body(payload) }
            if let digest = try? Digest(parsing: last), let blob = sample.blobs[digest] { return .body(blob) }
            return FakeRegistry.Answer(status: .notFound)
        }
    }

    func blobsAsked(_ registry: FakeRegistry, _ sample: SampleImage) -> Bool {
        registry.requests.contains { $0.uri.hasSuffix(sample.layerDigest.description) }
    }

    @Test func aSignedImageIsAdmittedAndStartsOfflineUnderAnyLaterPolicyWithTheKey() async throws {
        let sample = try SampleImage()
        let registry = try await registry(sample, signature: try signer.simpleSigning(sample.manifestDigest))
        try write(policy: signed)
        let reference = try registry.reference("app:1")
        let image = try await store.pull(reference)
        try await registry.stop()
        try await store.authorize(image, as: reference.description)
        // Another file with the same key: judged anew by what was kept.
        try write(policy: signed + "\n")
        try await store.authorize(image, as: reference.description)
        let other = Base64.encode(Array(Signer().pem.utf8))
        try write(policy: #"{"default": [{"type": "sigstoreSigned", "keyData": "\#(other)"}]}"#)
        let error = await #expect(throws: ImageError.self) {
            try await store.authorize(image, as: reference.description)
        }
        #expect(error?.code == .signatureInvalid)
        #expect(error?.message.contains("image-policy.json") == true && error?.message.contains("the default") == true)
    }

    @Test func whatIsRefusedIsRefusedBeforeItsLayers() async throws {
        let sample = try SampleImage()
        let cases: [(ImageSignature?, String, ImageError.Code)] = [
            (nil, signed, .signatureMissing),
            (try Signer().simpleSigning(sample.manifestDigest), signed, .signatureInvalid),
            (try signer.simpleSigning(sample.layerDigest), signed, .signatureInvalid),
            (nil, #"{"default": [{"type": "reject"}]}"#, .policyRejected), (nil, "{", .policyBroken),
        ]
        for (signature, policy, code) in cases {
            try write(policy: policy)
            let registry = try await registry(sample, signature: signature)
            let reference = try registry.reference("app:1")
            let error = await #expect(throws: ImageError.self) { try await store.pull(reference) }
            #expect(error?.code == code, "\(error as Any)")
            #expect(!blobsAsked(registry, sample))
            #expect(try await store.list().isEmpty)
            try await registry.stop()
        }
    }

    @Test func aBrokenPolicyStopsNewImagesOnly() async throws {
        let sample = try SampleImage()
        let registry = try await registry(sample, signature: nil)
        let reference = try registry.reference("app:1")
        let image = try await store.pull(reference)
        try write(policy: "{")
        try await store.authorize(image, as: reference.description)
        let tagged = try ImageReference(parsing: "other.test/name:1")
        try await store.tag(reference.description, as: tagged)
        let second = await #expect(throws: ImageError.self) { try await store.authorize(image, as: tagged.description) }
        #expect(second?.code == .policyBroken)
        try await registry.stop()
    }

    @Test func aPolicyThatIsGoneIsNotAnEmptyOne() async throws {
        let sample = try SampleImage()
        let registry = try await registry(sample, signature: nil)
        try write(policy: #"{"default": [{"type": "insecureAcceptAnything"}]}"#)
        let reference = try registry.reference("app:1")
        let image = try await store.pull(reference)
        try Files.remove(scratch.path + "/data/image-policy.json")
        try await store.authorize(image, as: reference.description)
        let other = try registry.reference("other:1")
        let error = await #expect(throws: ImageError.self) { try await store.pull(other) }
        #expect(error?.code == .policyBroken && error?.message.contains("was in force") == true)
        try await registry.stop()
    }
}
