import JSON
import Testing

@testable import HTTPServing
@testable import KubernetesAPI

@Suite("OpenAPI over the socket")
struct OpenAPITests {
    @Test("the v2 document is tagged, answered as unchanged to who has it, and packed for who takes gzip")
    func versionTwo() async throws {
        try await APIServer.run { server async throws in
            let plain = try await server.send("GET", "/openapi/v2")
            #expect(try plain.json["swagger"] == "2.0")
            let tag = try #require(plain.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("etag:") })
            let value = tag.dropFirst(5).filter { $0 != " " }
            let again = try await server.send(
                "GET", "/openapi/v2", headers: ["If-None-Match: \(value)", "Connection: close"])
            #expect(again.code == 304)
            #expect(again.body.isEmpty)
            let packed = try await server.send(
                "GET", "/openapi/v2", headers: ["Accept-Encoding: deflate, gzip", "Connection: close"])
            #expect(packed.head.lowercased().contains("content-encoding: gzip"))
            let length = try #require(
                packed.head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") })
            #expect(try #require(Int(length.dropFirst(15).filter { $0 != " " })) * 5 < plain.body.count)
            let old = try await server.send(
                "GET", "/openapi/v2", accept: "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
            #expect(old.body.isEmpty)
            #expect(try await server.send("GET", "/openapi/v3/v2").code == 404)
        }
    }

    @Test(
        "gzip is taken for what it says",
        arguments: [
            ("gzip", true), ("br, GZIP;q=0.5", true), ("gzip;q=0", false), ("gzip; q=0.0", false), ("", false),
            ("x-gzip2", false),
        ])
    func acceptance(header: String, isAccepted: Bool) {
        #expect(Gzip.isAccepted(header) == isAccepted)
    }

    @Test("nothing packs to a whole frame, too")
    func empty() throws {
        let packed = try #require(Gzip.packed([]))
        #expect(packed.starts(with: [0x1F, 0x8B]))
        #expect(packed.suffix(4) == [0, 0, 0, 0])
    }
}
