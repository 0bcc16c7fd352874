import Linux
import OCI
import Testing

@testable import ContainerRuntime

@Suite(.enabled(if: RuntimeFixture.isPossible))
struct OverlayTests {
    /// Runs on a thread with a mount namespace of its own, and gives what it returns as text.
    private func inOwnNamespace(_ body: @escaping @Sendable () throws -> String) throws -> String {
        let ends = try FileDescriptor.pipe()
        let reader = try ends.reader.duplicate()
        let writer = try ends.writer.duplicate().release()
        close(ends)
        Linux.Thread.start(name: "namespace") {
            let output = FileDescriptor(adopting: writer)
            do {
                try systemCall("unshare") { wherry_unshare(Int32(WHERRY_CLONE_NEWNS)) }
                try systemCall("mount_setattr") {
                    wherry_mount_setattr(AT_FDCWD, "/", Kernel.recursive, 0, 0, Kernel.Propagation.isPrivate)
                }
                try output.writeAll(Array(try body().utf8))
            } catch {
                try? output.writeAll(Array("\(error)".utf8))
            }
        }
        return String(decoding: try reader.readToEnd(limit: 1 << 20), as: UTF8.self)
    }

    private func close(_ ends: consuming PipeEnds) {}

    @Test(arguments: [false, true])
    func `both ways of mounting an overlay give the same tree`(onePage: Bool) throws {
        let base = "/tmp/wherry-overlay-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? Files.removeTree(base) }
        var lower: [String] = []
        for number in 0..<120 {
            let path = "\(base)/layer,\(number):x"
            try Files.makeDirectories(path)
            try Files.writeAtomically(Array("\(number)".utf8), to: path + "/same", durable: false)
            try Files.writeAtomically([], to: "\(path)/file\(number)", durable: false)
            lower.append(path)
        }
        for name in ["upper", "work"] { try Files.makeDirectories("\(base)/\(name)") }
        let overlay = RuntimeSpec.OverlayRoot(lower: lower, upper: base + "/upper", work: base + "/work")
        let text = try inOwnNamespace {
            let mount = onePage ? try OverlayMount.inOnePage(overlay) : try OverlayMount.layerByLayer(overlay)
            let file = try OpenBeneath.open(root: mount.rawValue, path: "same", flags: O_RDONLY)
            let first = try OpenBeneath.open(root: mount.rawValue, path: "file0", flags: O_RDONLY)
            first.close()
            return String(decoding: try file.readToEnd(limit: 100), as: UTF8.self)
        }
        #expect(text == "119")
    }
}
