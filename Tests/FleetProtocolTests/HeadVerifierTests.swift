import FleetProtocol
import JSON
import Testing

/// The vectors are made by python3-cryptography: see Tests/FleetProtocolVectors/generate.py.
struct HeadVerifierTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let value: JSONValue
        var testDescription: String { value["name"]?.stringValue ?? "?" }
        func bytes() throws -> [UInt8] { try #require(Base64.decode(value["bytes"]?.stringValue ?? "")) }
        var expect: String { value["expect"]?.stringValue ?? "?" }
    }

    static func cases(_ key: String) -> [Case] {
        (try? Vectors.load("heads.json"))?[key]?.arrayValue?.map(Case.init) ?? []
    }

    static func keys(_ names: String...) throws -> [String: [UInt8]] {
        let file = try Vectors.load("heads.json")
        var keys: [String: [UInt8]] = [:]
        for name in names {
            for (id, key) in file[name]?.objectValue ?? [:] { keys[id] = Base64.decode(key.stringValue ?? "") }
        }
        return keys
    }

    @Test func vectorFileHoldsEveryRejection() {
        let expected = Set(Self.cases("cases").map(\.expect))
        #expect(
            expected.isSuperset(of: [
                "oversized", "payloadType", "signature", "unknownKey", "malformed", "wrongDevice", "rootUnknown",
                "olderRevision", "equivocation", "expired", "newer", "current",
            ]))
    }

    @Test(arguments: cases("cases")) func headIsJudgedAsTheVectorSays(_ test: Case) throws {
        let value = test.value
        let threshold = value["threshold"]?.intValue ?? 1
        let trust = try TrustedRoot(
            threshold: threshold, keys: threshold == 1 ? Self.keys("trusted") : Self.keys("trusted", "second"))
        let floor: RevisionFloor? = value["floor"].flatMap { $0.isNull ? nil : try? $0.decode() }
        let device = try DeviceID(value["device"]?.stringValue ?? "")
        let time = TrustedTime(seconds: Int64(value["now"]?.intValue ?? 0), quality: .floor)
        var outcome = ""
        do {
            let verified = try HeadVerifier.verify(
                test.bytes(), trust: trust, floor: floor, device: device, time: time)
            outcome = verified.standing == .newer ? "newer" : verified.standing == .current ? "current" : "accepted?"
        } catch let error as FleetError {
            outcome = error.code.rawValue
            #expect(!error.message.isEmpty)
        }
        #expect(outcome == test.expect)
    }

    @Test(arguments: cases("documents")) func documentIsComparedWithItsHead(_ test: Case) throws {
        let file = try Vectors.load("heads.json")
        let head = try Head(payload: #require(file["head"]).serialized())
        var outcome = "ok"
        let bytes = try test.bytes()
        do { _ = try HeadVerifier.verify(document: bytes, head: head) } catch { outcome = error.code.rawValue }
        #expect(outcome == test.expect)
    }

    @Test func signerMakesTheSameBytesAsTheOtherImplementation() throws {
        let file = try Vectors.load("heads.json")
        let signer = try HeadSigner(seed: #require(Base64.decode(file["seed"]?.stringValue ?? "")))
        let head = try Head(payload: #require(file["head"]).serialized())
        let envelope = try SignedEnvelope(parsing: signer.sign(head))
        let other = try SignedEnvelope(parsing: #require(Base64.decode(file["signed"]?.stringValue ?? "")))
        #expect(envelope.payload == other.payload)
        #expect(envelope.signatures.map(\.keyID) == other.signatures.map(\.keyID))
        let trust = try TrustedRoot(keys: [signer.keyID: signer.publicKey])
        let verified = try HeadVerifier.verify(
            signer.sign(head), trust: trust, floor: nil, device: head.device,
            time: TrustedTime(seconds: 0, quality: .none))
        #expect(verified.head == head)
    }

    @Test func everyFlippedByteOfASignedHeadIsRefused() throws {
        let signer = HeadSigner()
        let device = try DeviceID("dev-1")
        let head = Head(
            device: device, revision: Revision(generation: 1, number: 1), issuedAt: 0, expiresAt: nil,
            digest: ContentDigest(of: []), length: 0)
        let bytes = try signer.sign(head)
        let trust = try TrustedRoot(keys: [signer.keyID: signer.publicKey])
        let time = TrustedTime(seconds: 0, quality: .none)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let verified = try? HeadVerifier.verify(changed, trust: trust, floor: nil, device: device, time: time)
            #expect(verified == nil, "byte \(index)")
        }
    }

    @Test func rootWithAKeyUnderAForeignIDIsRefused() {
        let signer = HeadSigner()
        #expect(throws: FleetError.self) { try TrustedRoot(keys: ["abc": signer.publicKey]) }
        #expect(throws: FleetError.self) { try TrustedRoot(keys: [:]) }
    }
}
