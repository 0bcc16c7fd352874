public import NIOCore

/// A directory of this machine as the pieces of a tar archive, made when they are asked for.
public struct DirectoryTar: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer

    private let path: String

    public init(path: String) { self.path = path }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(path: path) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let path: String
        private let thread = ArchiveThread()
        private var isOpen = false

        init(path: String) { self.path = path }

        public mutating func next() async throws -> ByteBuffer? {
            if !isOpen {
                try await thread.openTree([path], .merged)
                isOpen = true
            }
            return try await thread.nextOfTree().map { ByteBuffer(bytes: $0) }
        }
    }
}
