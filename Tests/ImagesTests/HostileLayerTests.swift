import CArchive
import Linux
import Logging
import OCI
import Testing

@testable import Images

/// Layers that try to do harm: each is refused as a whole, or confined, and leaves nothing anywhere.
@Suite(.enabled(if: geteuid() == 0, "a hostile layer could only do harm as root"))
struct HostileLayerTests {
    let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try Files.writeAtomically(Array("secret".utf8), to: scratch.path + "/victim", durable: false)
    }

    func store(_ limits: UnpackLimits = UnpackLimits()) throws -> ImageStore {
        try ImageStore(root: scratch.path + "/data", limits: limits, logger: Logger(label: "test"))
    }

    /// Imports a tar and gives the error's code.
    func refusal(_ tar: [UInt8], limits: UnpackLimits = UnpackLimits()) async throws -> ImageError.Code? {
        let store = try store(limits)
        let path = try scratch.write("layer.tar", tar)
        do {
            _ = try await store.importRoot(path: path, reference: try ImageReference(parsing: "hostile"))
            await store.close()
            return nil
        } catch let error as ImageError {
            await store.close()
            #expect(try Files.listDirectory(scratch.path + "/data/layers").isEmpty)
            #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
            #expect(try Files.listDirectory(scratch.path + "/data/blobs/sha256").isEmpty)
            #expect(error.message.contains("hostile") || error.message.contains("layer.tar"))
            return error.code
        }
    }

    func expectVictimUntouched() throws {
        #expect(try Files.read(scratch.path + "/victim") == Array("secret".utf8))
        #expect(try Files.listDirectory(scratch.path) == ["data", "layer.tar", "victim"])
    }

    func build(_ body: (inout TarBuilder) -> Void) -> [UInt8] {
        var tar = TarBuilder()
        body(&tar)
        return tar.finished()
    }

    @Test(arguments: ["../victim", "a/../../victim", "..", "./../../victim", "a/.."])
    func dotDotIsRefused(_ name: String) async throws {
        #expect(try await refusal(build { $0.add(name, content: [1]) }) == .invalidLayer)
        try expectVictimUntouched()
    }

    @Test func absolutePathsStayBeneathTheRoot() async throws {
        let victim = scratch.path + "/victim"
        #expect(try await refusal(build { $0.add(victim, content: [1]) }) == nil)
        try expectVictimUntouched()
        let layers = try Files.listDirectory(scratch.path + "/data/layers")
        #expect(try Files.read(scratch.path + "/data/layers/\(try #require(layers.first))\(victim)") == [1])
    }

    @Test(arguments: ["/", "..", "../../..", "/tmp"])
    func goingThroughASymbolicLinkIsRefused(_ target: String) async throws {
        let tar = build {
            $0.add("link", .symbolicLink, link: target)
            $0.add("link/victim", content: [1])
        }
        #expect(try await refusal(tar) == .invalidLayer)
        try expectVictimUntouched()
    }

    @Test func writingOntoASymbolicLinkReplacesIt() async throws {
        let tar = build {
            $0.add("link", .symbolicLink, link: scratch.path + "/victim")
            $0.add("link", content: [1])
        }
        #expect(try await refusal(tar) == nil)
        try expectVictimUntouched()
    }

    @Test(arguments: ["directory", "whiteout", "opaque", "hardlink"])
    func nothingElseGoesThroughASymbolicLink(_ kind: String) async throws {
        let tar = build {
            $0.add("link", .symbolicLink, link: scratch.path)
            switch kind {
            case "directory": $0.add("link/new/", .directory)
            case "whiteout": $0.add("link/.wh.victim")
            case "opaque": $0.add("link/.wh..wh..opq")
            default: $0.add("link/copy", .hardLink, link: "link/victim")
            }
        }
        #expect(try await refusal(tar) == .invalidLayer)
        try expectVictimUntouched()
    }

    @Test func hardLinksCannotReachOutside() async throws {
        for target in ["../victim", scratch.path + "/victim", "link/victim", "missing", "/"] {
            let tar = build {
                $0.add("link", .symbolicLink, link: scratch.path)
                $0.add("copy", .hardLink, link: target)
            }
            #expect(try await refusal(tar) == .invalidLayer, "\(target)")
        }
        #expect(status(scratch.path + "/victim")?.st_nlink == 1)
        try expectVictimUntouched()
    }

    @Test func aHardLinkToASymbolicLinkIsNotFollowed() async throws {
        let tar = build {
            $0.add("link", .symbolicLink, link: scratch.path + "/victim")
            $0.add("copy", .hardLink, link: "link")
            $0.add("copy", content: [9])
        }
        #expect(try await refusal(tar) == nil)
        try expectVictimUntouched()
    }

    @Test(arguments: [TarBuilder.Kind.characterDevice, .blockDevice])
    func deviceNodesAreRefusedOrSkippedByPolicy(_ kind: TarBuilder.Kind) async throws {
        let tar = build {
            $0.add("dev/x", kind)
            $0.add("ok", content: [1])
        }
        #expect(try await refusal(tar) == .invalidLayer)
        #expect(try await refusal(tar, limits: UnpackLimits(devices: .skip)) == nil)
    }

    @Test(arguments: [".wh.", "a/.wh..", ".wh..."]) func whiteoutsOfNothingAreRefused(_ name: String) async throws {
        #expect(try await refusal(build { $0.add(name) }) == .invalidLayer)
    }

    @Test func decompressionBombsAreRefused() async throws {
        let tar = build { $0.add("zeros", content: [UInt8](repeating: 0, count: 8 << 20)) }
        let limits = UnpackLimits(ratio: 100, ratioFloor: 1 << 20)
        #expect(try await refusal(Compression.gzip.compress(tar), limits: limits) == .limitExceeded)
        #expect(try await refusal(Compression.zstd.compress(tar), limits: limits) == .limitExceeded)
        #expect(
            try await refusal(Compression.gzip.compress(tar), limits: UnpackLimits(bytes: 1 << 20)) == .limitExceeded)
        #expect(try await refusal(tar, limits: UnpackLimits(bytes: 1 << 20)) == .limitExceeded)
    }

    @Test func countAndNamesAreBounded() async throws {
        let many = build { tar in for number in 0..<50 { tar.add("f\(number)") } }
        #expect(try await refusal(many, limits: UnpackLimits(entries: 49)) == .limitExceeded)
        #expect(try await refusal(build { $0.add(String(repeating: "x", count: 256)) }) == .limitExceeded)
        let deep = String(repeating: "d/", count: 2500)
        #expect(try await refusal(build { $0.add(deep + "f") }) == .limitExceeded)
    }

    @Test func damagedAndCutArchivesAreRefused() async throws {
        let tar = build { $0.add("f", content: [UInt8](repeating: 65, count: 300_000)) }
        #expect(try await refusal(Array(tar[..<100_000])) == .invalidLayer)
        let packed = Compression.gzip.compress(tar)
        #expect(try await refusal(Array(packed[..<(packed.count - 20)])) == .invalidLayer)
        #expect(try await refusal(Array("not an archive at all, just text".utf8)) == .invalidLayer)
        #expect(try await refusal([]) == .invalidLayer)
    }
}
