import JSON
import OCI
import Testing

@Suite struct DigestTests {
    static let hex = String(repeating: "0a", count: 32)

    @Test func parsesAndPrintsSHA256() throws {
        let digest = try Digest(parsing: "sha256:" + Self.hex)
        #expect(digest.hex == Self.hex)
        #expect(digest.description == "sha256:" + Self.hex)
        #expect(digest.short == "0a0a0a0a0a0a")
        #expect(Digest(bytes: [UInt8](repeating: 10, count: 32)) == digest)
    }

    @Test(arguments: [
        "", "sha256:", "sha256:abc", "sha512:" + hex + hex, hex, "SHA256:" + hex, "sha256:" + hex.uppercased(),
        "sha256:" + hex + "0", "sha256:../" + String(hex.dropFirst(3)), "sha256:" + hex.dropLast() + "g",
    ])
    func refusesOtherForms(_ text: String) {
        #expect(throws: OCIError.self) { try Digest(parsing: text) }
    }

    @Test func codesAsText() throws {
        let digest = try Digest(hex: Self.hex)
        #expect(
            try JSONValue(encoding: [digest]) == [
                "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
            ])
        #expect(throws: JSONError.self) { try JSONValue.array(["nonsense"]).decode(as: [Digest].self) }
    }
}
