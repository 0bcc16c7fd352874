import OCI
import Testing

@Suite struct PlatformTests {
    func entry(_ platform: String?, _ number: UInt8) throws -> Descriptor {
        Descriptor(
            mediaType: MediaType.ociManifest,
            digest: try #require(Digest(bytes: [UInt8](repeating: number, count: 32))),
            size: 1, platform: try platform.map { try Platform(parsing: $0) })
    }

    /// The order in which entries (numbered from 0) are chosen.
    func order(_ own: String, _ listed: [String?]) throws -> [Int] {
        let entries = try listed.enumerated().map { try entry($1, UInt8($0)) }
        let index = ImageIndex(manifests: entries)
        return index.candidates(for: try Platform(parsing: own)).compactMap { entries.firstIndex(of: $0) }
    }

    @Test func armGoesDownFromItsOwnVariant() throws {
        #expect(
            try order("linux/arm/v7", ["linux/arm/v5", "linux/arm/v7", "linux/arm64", "linux/arm/v6"]) == [1, 3, 0])
        #expect(try order("linux/arm/v6", ["linux/arm/v7", "linux/arm/v6"]) == [1])
    }

    @Test func arm64PrefersItselfAndBears32Bit() throws {
        #expect(
            try order("linux/arm64/v8", ["linux/arm/v7", "linux/amd64", "linux/arm64", "linux/arm64/v8"]) == [2, 3, 0])
    }

    @Test func amd64RefusesHigherLevels() throws {
        #expect(try order("linux/amd64", ["linux/amd64/v3", "linux/386", "linux/amd64"]) == [2, 1])
        #expect(try order("linux/amd64/v3", ["linux/amd64", "linux/amd64/v3", "linux/amd64/v4"]) == [1, 0])
    }

    @Test func attestationsNeverFitAndUnlabelledComeLast() throws {
        #expect(try order("linux/amd64", ["unknown/unknown", nil, "linux/amd64"]) == [2, 1])
        #expect(try order("linux/amd64", ["windows/amd64"]) == [])
    }

    @Test(arguments: ["", "linux/", "a/b/c/d"]) func refuses(_ text: String) {
        #expect(throws: OCIError.self) { try Platform(parsing: text) }
    }
}
