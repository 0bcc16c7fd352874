import CArchive
import Linux
import Logging
import OCI
import Testing

@testable import Images

/// The Debian packages of a registry and of tools that make images, on loopback.
@Suite(
    .enabled(
        if: geteuid() == 0
            && ["/usr/bin/docker-registry", "/usr/bin/skopeo", "/usr/bin/umoci"].allSatisfy { Files.exists($0) },
        "needs docker-registry, skopeo and umoci"))
struct RealRegistryTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Runs a shell script to its end; fails the test when it fails.
    func run(_ script: String) throws {
        let shell = try ChildProcess.spawn(
            path: "/bin/sh", arguments: ["sh", "-euc", "exec >>log 2>&1\n" + script], workingDirectory: scratch.path)
        close(shell.pidfd)
        let status = ChildProcess.wait(shell.pid)
        let log = (try? Files.read(scratch.path + "/log")) ?? []
        try #require(status?.code == 0, "\(String(decoding: log, as: UTF8.self))")
    }

    @Test func pullsAnImageOfThreeLayersThatSkopeoPushed() async throws {
        let port = Int.random(in: 20000...29999)
        let configuration = """
            version: 0.1
            storage: {filesystem: {rootdirectory: \(scratch.path)/registry}}
            http: {addr: "127.0.0.1:\(port)"}
            """
        _ = try scratch.write("config.yml", Array(configuration.utf8))
        let server = try ChildProcess.spawn(
            path: "/bin/sh",
            arguments: [
                "sh", "-c", "exec docker-registry serve \(scratch.path)/config.yml >\(scratch.path)/registry.log 2>&1",
            ],
            newSession: true, deathSignal: SIGKILL)
        defer {
            kill(server.pid, SIGKILL)
            _ = ChildProcess.wait(server.pid)
            close(server.pidfd)
        }
        try run(
            """
            mkdir -p one two/sub
            echo first > one/a; echo gone > one/b; head -c 3000000 /dev/urandom > two/sub/big; ln -s sub/big two/link
            umoci init --layout image
            umoci new --image image:v1
            umoci insert --image image:v1 one /data
            umoci insert --image image:v1 two /data/two
            umoci insert --image image:v1 --whiteout /data/b
            umoci config --image image:v1 --config.cmd /data/a --config.env X=y
            for try in $(seq 50); do
                skopeo copy --dest-tls-verify=false oci:image:v1 docker://127.0.0.1:\(port)/team/app:v1 && exit 0
                sleep 0.1
            done
            exit 1
            """)
        let store = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
        let image = try await store.pull(try ImageReference(parsing: "127.0.0.1:\(port)/team/app:v1"))
        #expect(image.layerDirectories.count == 3)
        #expect(image.config.config?.cmd == ["/data/a"])
        #expect(try Files.read(image.layerDirectories[0] + "/data/a") == Array("first\n".utf8))
        #expect(try Files.read(image.layerDirectories[1] + "/data/two/sub/big").count == 3_000_000)
        let whiteout = try #require(status(image.layerDirectories[2] + "/data/b"))
        #expect(whiteout.st_mode & S_IFMT == S_IFCHR && whiteout.st_rdev == 0)

        // The same image as archives of both kinds.
        try run(
            """
            skopeo copy oci:image:v1 oci-archive:oci.tar:app:v1
            skopeo copy oci:image:v1 docker-archive:docker.tar:app:v2
            gzip -k oci.tar; zstd -q docker.tar
            """)
        #expect(
            try await store.load(path: scratch.path + "/oci.tar").map(\.references).first?.contains("app:v1") == true)
        for (archive, name) in [("oci.tar.gz", "app:v1"), ("docker.tar", "app:v2"), ("docker.tar.zst", "app:v2")] {
            let loaded = try await store.load(path: "\(scratch.path)/\(archive)")
            #expect(loaded.first?.references.contains(name) == true, "\(archive)")
            #expect(loaded.first?.layerDirectories == image.layerDirectories)
        }
        do {
            _ = try await store.pull(try ImageReference(parsing: "127.0.0.1:\(port)/team/app:v9"))
            Issue.record("pulled a tag that is not there")
        } catch let error as ImageError {
            #expect(error.code == .unknownImage && error.message.contains("manifest unknown"))
        }
    }
}
