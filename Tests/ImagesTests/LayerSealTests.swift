import CArchive
import Linux
import Testing

@testable import Images

/// Whatever is done to a layer's files gives its stamp another value.
@Suite(.timeLimit(.minutes(5))) struct LayerSealTests {
    let scratch: Scratch
    let layer: String

    init() throws {
        scratch = try Scratch()
        layer = try scratch.directory("layer")
        try Files.makeDirectories(layer + "/a/b/c")
        for name in ["a/one", "a/b/two", "a/b/c/three", "..four", "a/b/c/.five"] {
            try Files.writeAtomically(Array(name.utf8), to: layer + "/" + name, durable: false)
        }
        #expect(symlink("/nowhere", layer + "/a/b/link") == 0)
        #expect(mkfifo(layer + "/a/fifo", 0o600) == 0)
    }

    func stamp() throws -> UInt64 { try LayerTree.stamp(of: layer) }

    @Test func readingChangesNothing() throws {
        let before = try stamp()
        _ = try Files.read(layer + "/a/b/c/three")
        #expect(try stamp() == before)
    }

    /// Change times are those of the clock's ticks: what happens within one is not told apart.
    func nextTick() {
        var (start, now) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME_COARSE, &start)
        repeat {
            clock_gettime(CLOCK_REALTIME_COARSE, &now)
        } while now.tv_sec == start.tv_sec && now.tv_nsec == start.tv_nsec
    }

    @Test(arguments: ["a/one", "a/b/c/three", "..four", "a/b/c/.five", "a/b/link", "a/fifo", "a/b/c", "a", ""])
    func anyChangeIsSeen(_ name: String) throws {
        let path = name.isEmpty ? layer : layer + "/" + name
        var stamps = [try stamp()]
        nextTick()
        #expect(lchown(path, getuid(), getgid()) == 0)
        stamps.append(try stamp())
        nextTick()
        // Its own times can be set, but not when that was done.
        let info = try #require(status(path))
        #expect(utimensat(AT_FDCWD, path, [info.st_atim, info.st_mtim], AT_SYMLINK_NOFOLLOW) == 0)
        stamps.append(try stamp())
        #expect(Set(stamps).count == stamps.count)
    }

    @Test func aContentOfTheSameSizeIsSeen() throws {
        let before = try stamp()
        nextTick()
        let file = try FileDescriptor.open(layer + "/a/b/two", O_WRONLY)
        try file.writeAll([1, 2, 3])
        #expect(try stamp() != before)
    }

    @Test func filesThatComeGoOrMoveAreSeen() throws {
        var stamps = [try stamp()]
        nextTick()
        #expect(rename(layer + "/a/one", layer + "/a/b/one") == 0)
        stamps.append(try stamp())
        nextTick()
        #expect(unlink(layer + "/..four") == 0)
        stamps.append(try stamp())
        nextTick()
        #expect(link(layer + "/a/b/one", layer + "/a/b/c/other") == 0)
        stamps.append(try stamp())
        #expect(Set(stamps).count == stamps.count)
    }

    @Test func aLayerThatIsNotThereHasNone() {
        #expect(throws: SystemError.self) { try LayerTree.stamp(of: layer + "/none") }
        #expect(throws: SystemError.self) { try LayerTree.stamp(of: layer + "/a/one") }
    }

    /// Directories are walked with one descriptor for each level, and names may be as deep as a path allows.
    @Test func deepTreesAreWalked() throws {
        var path = layer
        for _ in 0..<200 {
            path += "/d"
            #expect(mkdir(path, 0o755) == 0)
        }
        let before = try stamp()
        try Files.writeAtomically([1], to: path + "/deep", durable: false)
        #expect(try stamp() != before)
    }
}
