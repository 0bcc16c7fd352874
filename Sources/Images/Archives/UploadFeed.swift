internal import Linux
internal import NIOCore
internal import Synchronization

/// Carries a body that comes asynchronously to a thread that reads a descriptor, through a pipe: nothing of it lies on the disk.
actor UploadFeed {
    private let executor = ThreadExecutor(name: "wherry-feed")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private nonisolated let reader: Mutex<Linux.FileDescriptor?>
    private var writer: Linux.FileDescriptor?

    init() throws(SystemError) {
        let pipe = try Linux.FileDescriptor.pipe()
        // Each end on its own, since each is closed by another.
        reader = Mutex(try pipe.reader.duplicate())
        writer = try pipe.writer.duplicate()
    }

    /// Where the bytes come out, at its end when ``carry(_:)`` returned. Whoever takes it ends the feed by closing it.
    nonisolated func takeReader() throws(ImageError) -> Linux.FileDescriptor {
        guard let taken = reader.withLock({ $0.take() }) else {
            throw ImageError(.input, "the upload was read already")
        }
        return taken
    }

    /// Hands all of a body to the reader, as fast as that takes it.
    func carry<Body: AsyncSequence & Sendable>(_ body: Body) async throws where Body.Element == ByteBuffer {
        defer { writer = nil }
        for try await chunk in body { try write(Array(chunk.readableBytesView)) }
    }

    private func write(_ bytes: [UInt8]) throws(SystemError) {
        guard let descriptor = writer?.rawValue else { return }
        try Files.writeAll(descriptor, bytes)
    }
}
