import Images
import Testing

@testable import RegistryAPI

struct PathTests {
    private func name(_ text: String) throws -> RepositoryName { try RepositoryName(parsing: text) }

    @Test func pathsAreReadFromTheirEnd() throws {
        #expect(try RegistryPath(parsing: "/v2/") == .base)
        #expect(try RegistryPath(parsing: "/v2/_catalog") == .catalog)
        #expect(try RegistryPath(parsing: "/v2/token") == .token)
        #expect(try RegistryPath(parsing: "/v2/a/b/tags/list") == .tags(name("a/b")))
        #expect(try RegistryPath(parsing: "/v2/a/blobs/uploads/") == .uploads(name("a")))
        #expect(try RegistryPath(parsing: "/v2/a/blobs/uploads/x1") == .upload(name("a"), id: "x1"))
        #expect(try RegistryPath(parsing: "/v2/a/blobs/sha256:00") == .blob(name("a"), digest: "sha256:00"))
        #expect(try RegistryPath(parsing: "/v2/a/blobs/sha256%3a00") == .blob(name("a"), digest: "sha256:00"))
        #expect(try RegistryPath(parsing: "/v2/a/referrers/sha256:00") == .referrers(name("a"), digest: "sha256:00"))
    }

    @Test func repositoriesMayBeCalledLikeTheWordsOfPaths() throws {
        #expect(
            try RegistryPath(parsing: "/v2/manifests/blobs/manifests/v1")
                == .manifest(name("manifests/blobs"), locator: "v1"))
        #expect(try RegistryPath(parsing: "/v2/token/manifests/token") == .manifest(name("token"), locator: "token"))
        #expect(try RegistryPath(parsing: "/v2/tags/tags/list") == .tags(name("tags")))
    }

    @Test(arguments: ["/v2/a", "/v2/a/manifests", "/v2/a%2fb/tags", "/v2/a/b/c", "/v2/a/%zz/list"])
    func whatIsNoPathOfTheSpecificationIsNone(path: String) throws {
        #expect(try RegistryPath(parsing: path) == nil)
    }

    @Test(arguments: ["/v2/A/tags/list", "/v2/../tags/list", "/v2/a_/manifests/x", "/v2/a..b/blobs/uploads"])
    func badNamesAreRefused(path: String) {
        #expect { try RegistryPath(parsing: path) } throws: { ($0 as? ImageError)?.code == .invalidName }
    }

    @Test(arguments: [
        ("bytes=0-9", ByteRange.part(0..<10)), ("bytes=5-", .part(5..<100)), ("bytes=-10", .part(90..<100)),
        ("bytes=-1000", .part(0..<100)), ("bytes=90-1000", .part(90..<100)), ("bytes=100-", .unsatisfiable),
        ("bytes=-0", .unsatisfiable), ("bytes=9-3", .whole), ("bytes=0-1,5-6", .whole), ("bytes=x-3", .whole),
        ("chars=0-3", .whole), ("bytes=0-99999999999999999999", .part(0..<100)),
        ("bytes=99999999999999999999-", .unsatisfiable),
    ])
    func ranges(header: String, expected: ByteRange) {
        #expect(ByteRange(header: header, size: 100) == expected)
    }

    @Test func rangesOfNothing() {
        #expect(ByteRange(header: "bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange(header: "bytes=-5", size: 0) == .unsatisfiable)
        #expect(ByteRange(header: nil, size: 0) == .whole)
    }

    @Test func chunkRanges() {
        #expect(ChunkRange(header: "10-19")?.count == 10)
        for text in ["", "-", "5-4", "a-b", "bytes 0-1", "0-9223372036854775807", "1-2-3", "-3", "+1-2"] {
            #expect(ChunkRange(header: text) == nil, "\(text)")
        }
    }

    @Test func queriesAndForms() {
        let items = QueryItems("scope=repository%3Aa%2Fb%3Apull&scope=x+y&n&bad=%f")
        #expect(items.all("scope") == ["repository:a/b:pull", "x y"])
        #expect(items["n"] == "")
        #expect(items["bad"] == nil)
    }

    @Test(arguments: [nil, "", "evil\" x", "a/b", String(repeating: "a", count: 300)])
    func aHostThatIsNoneIsNotRepeated(host: String?) {
        #expect(Challenge.checked(host) == "localhost")
    }

    @Test func theHostOfTheRequestIsWhereTokensAre() {
        let header = Challenge(host: "hub.test:6443", scopes: [.catalog], hadToken: true).header
        #expect(header.hasPrefix("Bearer realm=\"https://hub.test:6443/v2/token\","))
        #expect(header.contains("scope=\"registry:catalog:*\"") && header.contains("insufficient_scope"))
        #expect(Challenge.checked("[::1]:5000") == "[::1]:5000")
    }
}
