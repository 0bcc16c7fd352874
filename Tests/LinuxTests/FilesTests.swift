import Testing

@testable import Linux

/// A directory of its own for each test.
final class Scratch {
    let path = "/tmp/wherry-linux-\(UInt64.random(in: 0...UInt64.max))"
    init() throws { try Files.makeDirectories(path) }
    deinit { try? Files.removeTree(path) }
}

struct FilesTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    @Test func `a file is replaced as a whole and with its mode`() throws {
        let path = scratch.path + "/a"
        try Files.writeAtomically([1, 2, 3], to: path, mode: 0o640)
        try Files.writeAtomically([4], to: path, mode: 0o600)
        #expect(try Files.read(path) == [4])
        var info = stat()
        #expect(stat(path, &info) == 0 && info.st_mode & 0o777 == 0o600)
        #expect(try Files.listDirectory(scratch.path) == ["a"])
    }

    @Test func `a failed replacement leaves the old file and no temporary one`() throws {
        try Files.makeDirectories(scratch.path + "/d/inside")
        #expect(throws: SystemError.self) { try Files.writeAtomically([1], to: scratch.path + "/d") }
        #expect(try Files.listDirectory(scratch.path) == ["d"])
    }

    @Test func `a file longer than the limit is refused`() throws {
        try Files.writeAtomically([UInt8](repeating: 7, count: 100), to: scratch.path + "/a")
        let error = #expect(throws: SystemError.self) { try Files.read(scratch.path + "/a", limit: 99) }
        #expect(error?.errno == .tooBig)
        #expect(try Files.read(scratch.path + "/a", limit: 100).count == 100)
    }

    @Test func `removing a tree follows no link`() throws {
        try Files.makeDirectories(scratch.path + "/keep")
        try Files.writeAtomically([1], to: scratch.path + "/keep/file")
        try Files.makeDirectories(scratch.path + "/tree/deep/er")
        symlink(scratch.path + "/keep", scratch.path + "/tree/link")
        symlink(scratch.path + "/keep", scratch.path + "/tree/deep/link")
        try Files.removeTree(scratch.path + "/tree")
        #expect(try Files.listDirectory(scratch.path) == ["keep"])
        #expect(try Files.read(scratch.path + "/keep/file") == [1])
        try Files.removeTree(scratch.path + "/tree")
    }

    @Test(.enabled(if: geteuid() == 0)) func `removing a tree stops at a mount`() throws {
        try Files.makeDirectories(scratch.path + "/data")
        try Files.writeAtomically([1], to: scratch.path + "/data/file")
        try Files.makeDirectories(scratch.path + "/tree/point")
        try #require(wherry_mount(scratch.path + "/data", scratch.path + "/tree/point", nil, 0x1000, nil) == 0)
        defer { _ = wherry_umount(scratch.path + "/tree/point", 2) }
        #expect(throws: SystemError.self) { try Files.removeTree(scratch.path + "/tree") }
        #expect(try Files.read(scratch.path + "/data/file") == [1])
    }
}

final class OpenBeneathTests {
    let scratch: Scratch
    let root: FileDescriptor

    init() throws {
        scratch = try Scratch()
        try Files.makeDirectories(scratch.path + "/root/dir")
        try Files.writeAtomically(Array("inside".utf8), to: scratch.path + "/root/dir/file")
        try Files.writeAtomically(Array("outside".utf8), to: scratch.path + "/secret")
        symlink("/dir/file", scratch.path + "/root/absolute")
        symlink("../../../secret", scratch.path + "/root/dir/up")
        symlink("dir", scratch.path + "/root/relative")
        symlink("loop", scratch.path + "/root/loop")
        symlink("/made/here", scratch.path + "/root/dangling")
        root = try FileDescriptor.open(scratch.path + "/root", O_PATH | O_DIRECTORY)
    }

    /// The kernel's way, and the one for kernels without openat2.
    private func open(_ path: String, flags: Int32 = O_RDONLY, walk: Bool) throws(SystemError) -> FileDescriptor {
        if walk {
            return try OpenBeneath.walk(root: root.rawValue, path: path, flags: flags, mode: 0o600, restrictions: [])
        }
        return try OpenBeneath.open(root: root, path: path, flags: flags, mode: 0o600)
    }

    @Test(
        arguments: [false, true], ["/dir/file", "dir/../dir/./file", "/../../dir/file", "absolute", "relative/file"])
    func `a path stays inside whatever its form`(walk: Bool, path: String) throws {
        let file = try open(path, walk: walk)
        #expect(try file.readToEnd(limit: 100) == Array("inside".utf8))
    }

    @Test(arguments: [false, true], ["dir/up", "../secret", "/dir/../../secret"])
    func `a path that would leave finds nothing`(walk: Bool, path: String) throws {
        let error = #expect(throws: SystemError.self) { try open(path, walk: walk).close() }
        #expect(error?.errno == .noEntry)
    }

    @Test(arguments: [false, true]) func `a loop of links is an error`(walk: Bool) throws {
        let error = #expect(throws: SystemError.self) { try open("loop/x", walk: walk).close() }
        #expect(error?.errno == .loop)
    }

    @Test(arguments: [false, true]) func `a new file is made inside`(walk: Bool) throws {
        try open("relative/../new\(walk)", flags: O_WRONLY | O_CREAT | O_EXCL, walk: walk).close()
        #expect(Files.exists(scratch.path + "/root/new\(walk)"))
        let error = #expect(throws: SystemError.self) {
            try open("new\(walk)", flags: O_WRONLY | O_CREAT | O_EXCL, walk: walk).close()
        }
        #expect(error?.errno == .exists)
    }

    @Test func `missing directories are made, also behind a dangling link`() throws {
        try OpenBeneath.makeDirectories(root: root.rawValue, path: "/a/b/../c").close()
        try OpenBeneath.makeDirectories(root: root.rawValue, path: "/dangling/deep").close()
        try OpenBeneath.makeFile(root: root.rawValue, path: "/x/y/file").close()
        #expect(Files.isDirectory(scratch.path + "/root/a/c"))
        #expect(Files.isDirectory(scratch.path + "/root/made/here/deep"))
        #expect(Files.exists(scratch.path + "/root/x/y/file"))
        #expect(!Files.exists(scratch.path + "/made"))
        #expect(throws: SystemError.self) {
            try OpenBeneath.makeDirectories(root: root.rawValue, path: "/loop/x").close()
        }
    }

    @Test func `no link means no link`() throws {
        let error = #expect(throws: SystemError.self) {
            try OpenBeneath.open(root: root, path: "relative/file", flags: O_RDONLY, restrictions: .noSymbolicLinks)
                .close()
        }
        #expect(error?.errno == .loop)
    }
}
