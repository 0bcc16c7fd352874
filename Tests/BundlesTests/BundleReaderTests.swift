import FleetProtocol
import JSON
import Linux
import OCI
import Testing

@testable import Bundles

/// What a bundle's file must be, byte by byte.
struct BundleReaderTests {
    private let fixture = BundleFixture()

    @Test func aBundleAsItWasMadeIsTaken() async throws {
        let reader = try fixture.check(try await fixture.bytes(), in: Scratch())
        #expect(reader.manifest.name == "app")
        #expect(reader.manifest.sequence == 7)
        #expect(reader.signers == [fixture.signer.keyID])
        #expect(reader.carriedBlobs == [BundleReader.digest(of: BundleFixture.layer)])
        #expect(!reader.isSignedByHub)
    }

    @Test func everyFlippedBitOfTheSignedPartIsRefused() async throws {
        let scratch = try Scratch()
        var composer = try BundleFixture.composer()
        try composer.setObjects([BundleFixture.configMap])
        let good = try await fixture.bytes(composer)
        #expect(try fixture.refusal(of: good, in: scratch) == nil)
        for place in 0..<(try #require(Self.signedPart(good))) {
            var bad = good
            bad[place] ^= 1 << UInt8(place % 8)
            #expect(try fixture.refusal(of: bad, in: scratch) != nil, "byte \(place)")
            await Task.yield()
        }
    }

    /// At both sides of every block, where members begin and end, and at places between.
    private static func places(_ start: Int, _ end: Int) -> [Int] {
        (start..<end).filter { [0, 1, 511].contains($0 % 512) || $0 % 61 == 0 }
    }

    @Test func flippedBytesOfTheRestAreRefusedAsDamage() async throws {
        let scratch = try Scratch()
        let good = try await fixture.bytes()
        for place in Self.places(try #require(Self.signedPart(good)), good.count) {
            var bad = good
            bad[place] ^= 0x10
            #expect(try fixture.refusal(of: bad, in: scratch) == .damaged, "byte \(place)")
            await Task.yield()
        }
    }

    @Test func shorterFilesAreRefused() async throws {
        let scratch = try Scratch()
        let good = try await fixture.bytes()
        for length in Self.places(0, good.count) {
            let code = try fixture.refusal(of: Array(good[..<length]), in: scratch)
            #expect(code == (length < 512 ? .notABundle : .truncated), "\(length) bytes")
            await Task.yield()
        }
    }

    @Test func whatFollowsTheEndIsRefused() async throws {
        let good = try await fixture.bytes()
        #expect(try fixture.refusal(of: good + [0], in: Scratch()) == .damaged)
        #expect(try fixture.refusal(of: good + good, in: Scratch()) == .damaged)
    }

    @Test func aForeignKeyIsRefusedBeforeTheManifestIsRead() async throws {
        let good = try await fixture.bytes()
        let other = BundleTrust(keys: [HeadSigner().publicKey], hub: nil, source: "elsewhere")
        #expect(try fixture.refusal(of: good, in: Scratch(), trust: other) == .unknownKey)
        let nobody = BundleTrust(keys: [], hub: nil, source: "elsewhere")
        #expect(try fixture.refusal(of: good, in: Scratch(), trust: nobody) == .unknownKey)
        // The same for a manifest that makes no sense: nobody trusted signed it.
        let nonsense = try Self.file(payload: Array("nonsense".utf8), signer: fixture.signer)
        #expect(try fixture.refusal(of: nonsense, in: Scratch(), trust: other) == .unknownKey)
        #expect(try fixture.refusal(of: nonsense, in: Scratch()) == .malformed)
    }

    @Test func theHubsKeySignsForTheHubOnlyAndOthersNotForIt() async throws {
        let hub = HeadSigner()
        let root = try TrustedRoot(keys: [hub.keyID: hub.publicKey])
        let trust = BundleTrust(keys: [fixture.signer.publicKey], hub: root, source: "the test")
        var manifest = BundleManifest(name: "app", sequence: 1, issuedAt: 1)
        let plain = try manifest.serialized()
        #expect(
            try fixture.refusal(of: Self.file(payload: plain, signer: hub), in: Scratch(), trust: trust) == .signature)
        let digest = BundleReader.digest(of: [])
        manifest.targets = [.init(device: "gw1", head: "h", document: "d")]
        manifest.files = ["h", "d"].map { .init(path: $0, digest: digest, size: 0) }
        let fleet = try manifest.serialized()
        #expect(
            try fixture.refusal(of: Self.file(payload: fleet, signer: fixture.signer), in: Scratch(), trust: trust)
                == .signature)
    }

    @Test func anotherPayloadTypeIsNoBundle() throws {
        let head = try fixture.signer.sign(payloadType: Head.payloadType, Array("{}".utf8)).serialized()
        #expect(try fixture.refusal(of: Self.file(envelope: head), in: Scratch()) == .notABundle)
    }

    @Test func anEnvelopeWithRoomForMoreIsRefused() async throws {
        // White space and a second signature of nobody change no signed byte.
        let payload = try BundleManifest(name: "app", sequence: 1, issuedAt: 1).serialized()
        let envelope = try fixture.signer.sign(payloadType: BundleManifest.payloadType, payload)
        let spaced = envelope.serialized() + [UInt8(ascii: " ")]
        #expect(try fixture.refusal(of: Self.file(envelope: spaced), in: Scratch()) == .damaged)
    }

    @Test func theHeaderCannotAnnounceMoreThanTheCap() throws {
        let header = Self.header(size: Int64(FleetLimits.bundleManifest) + 1)
        #expect(try fixture.refusal(of: header + [0], in: Scratch()) == .oversized)
    }

    @Test(arguments: [
        ##"{"v":2,"name":"a","seq":1,"iat":1,"devices":[],"targets":[],"images":[],"files":[]}"##,
        ##"{"v":1,"name":"A","seq":1,"iat":1,"devices":[],"targets":[],"images":[],"files":[]}"##,
        ##"{"v":1,"name":"a","seq":-1,"iat":1,"devices":[],"targets":[],"images":[],"files":[]}"##,
        ##"{"v":1,"name":"a","seq":1,"iat":1,"devices":["x/y"],"targets":[],"images":[],"files":[]}"##,
        ##"{"v":1,"name":"a","name":"b","seq":1,"iat":1,"devices":[],"targets":[],"images":[],"files":[]}"##,
        ##"{"v":1,"name":"a","seq":1,"iat":1,"devices":[],"targets":[{"document":"d"}],"images":[],"files":[]}"##,
        ##"{"v":1,"name":"a","seq":1,"iat":1,"devices":[],"targets":[],"images":[],"files":[FILE,FILE]}"##,
        ##"{"v":1,"name":"a","seq":1,"iat":1,"devices":[],"targets":[],"images":[],"files":[SMALL]}"##,
        ##"{"v":1,"name":"a","seq":1,"iat":1,"devices":[],"targets":[],"images":[],"files":[BLOB]}"##,
        ##"{"v":1,"name":"a","seq":1,"iat":1,"devices":[],"targets":[]}"##, "[]", "{", "",
    ])
    func aManifestThatMakesNoSenseIsMalformed(_ text: String) throws {
        let zeros = "sha256:" + String(repeating: "0", count: 64)
        let ones = String(repeating: "1", count: 64)
        var text = text
        for (mark, file) in [
            ("FILE", ##"{"path":"x","digest":"\##(zeros)","size":1}"##),
            ("SMALL", ##"{"path":"x","digest":"\##(zeros)","size":-1}"##),
            ("BLOB", ##"{"path":"blobs/sha256/\##(ones)","digest":"\##(zeros)","size":1}"##),
        ] {
            text = text.split(separator: mark, omittingEmptySubsequences: false).joined(separator: file)
        }
        let file = try Self.file(payload: Array(text.utf8), signer: fixture.signer)
        #expect(try fixture.refusal(of: file, in: Scratch()) == .malformed)
    }

    @Test func aFileThatIsNoRegularOneIsRefused() throws {
        let scratch = try Scratch()
        #expect(throws: BundleError.self) { try BundleReader(path: scratch.path, trust: fixture.trust) }
        #expect(throws: BundleError.self) { try BundleReader(path: "/dev/zero", trust: fixture.trust) }
        #expect(throws: BundleError.self) { try BundleReader(path: scratch.path + "/none", trust: fixture.trust) }
    }

    // MARK: By hand

    /// Where the signed part ends: header, envelope and padding.
    static func signedPart(_ bytes: [UInt8]) -> Int? {
        guard let size = Int(String(decoding: bytes[124..<135], as: UTF8.self), radix: 8) else { return nil }
        return 512 + (size + 511) / 512 * 512
    }

    static func header(size: Int64) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            block.replaceSubrange(offset..<(offset + text.utf8.count), with: Array(text.utf8))
        }
        func octal(_ value: Int64, _ width: Int) -> String {
            let digits = String(value, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put("bundle.json", 0)
        put("0000644", 100)
        put("0000000", 108)
        put("0000000", 116)
        put(octal(size, 11), 124)
        put("00000000000", 136)
        put("        ", 148)
        put("0", 156)
        put("ustar\u{0}00", 257)
        put("0000000", 329)
        put("0000000", 337)
        put(octal(block.reduce(Int64(0)) { $0 + Int64($1) }, 6) + "\u{0} ", 148)
        return block
    }

    /// A bundle without files around an envelope.
    static func file(envelope: [UInt8]) -> [UInt8] {
        header(size: Int64(envelope.count)) + envelope
            + [UInt8](repeating: 0, count: (512 - envelope.count % 512) % 512 + 1024)
    }

    static func file(payload: [UInt8], signer: HeadSigner) throws -> [UInt8] {
        file(envelope: try signer.sign(payloadType: BundleManifest.payloadType, payload).serialized())
    }
}
