import OCI
import Testing

@Suite struct ImageReferenceTests {
    static let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test(arguments: [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("prom/node-exporter", "docker.io/prom/node-exporter:latest", "prom/node-exporter:latest"),
        ("quay.io/a/b/c:v1", "quay.io/a/b/c:v1", "quay.io/a/b/c:v1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"),
        ("[::1]:5000/x:y", "[::1]:5000/x:y", "[::1]:5000/x:y"),
        ("host:5000/x", "host:5000/x:latest", "host:5000/x:latest"),
        ("a__b/c-_d".replacingUnderscore, "docker.io/a__b/c-d:latest", "a__b/c-d:latest"),
        ("x@" + digest, "docker.io/library/x@" + digest, "x@" + digest),
        ("x:1@" + digest, "docker.io/library/x:1@" + digest, "x:1@" + digest),
    ])
    func normalises(_ text: String, full: String, familiar: String) throws {
        let reference = try ImageReference(parsing: text)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
        #expect(try ImageReference(parsing: full) == reference)
    }

    @Test(arguments: [
        "", ":latest", "x:", "x@", "x@sha256:12", "Busybox", "a//b", "/a", "a/", "a..b", "a___b", "-a", "a-", "a b",
        "x:-tag", "x:" + String(repeating: "t", count: 129), "http://x/y", "x/../y", "bad_host.com/y", "h:99999/x",
        String(repeating: "ab", count: 32), String(repeating: "a", count: 256), "a\u{0}b", "[::1/x",
    ])
    func refuses(_ text: String) {
        #expect(throws: OCIError.self) { try ImageReference(parsing: text) }
    }

    @Test func aDigestPinsWithoutTag() throws {
        let reference = try ImageReference(parsing: "busybox:1")
        #expect(reference.pinned(to: try Digest(parsing: Self.digest)).familiar == "busybox@" + Self.digest)
        #expect(reference.locator == "1")
    }
}

extension String {
    /// Keeps one argument row short.
    fileprivate var replacingUnderscore: String { split(separator: "-_").joined(separator: "-") }
}
