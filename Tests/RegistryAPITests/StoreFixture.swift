import JSON
import Linux
import Logging
import NIOCore
import OCI
import Synchronization
import Testing

@testable import Images

/// A registry in a directory of its own, with a clock that a test moves.
struct StoreFixture: Sendable {
    final class Clock: Sendable {
        private let offset = Mutex<Duration>(.zero)
        private let start = MonotonicInstant.now()

        func advance(by duration: Duration) { offset.withLock { $0 += duration } }
        var now: MonotonicInstant { start.advanced(by: offset.withLock { $0 }) }
    }

    let directory: String
    let clock = Clock()
    let repository: RepositoryName

    static func run(_ body: (StoreFixture) async throws -> Void) async throws {
        var template = Array("/tmp/wherry-registry-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
        try #require(made != nil)
        let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.removeTree(directory) }
        try await body(StoreFixture(directory: directory, repository: RepositoryName(parsing: "team/app")))
    }

    func open(_ change: (inout RegistryStore.Limits) -> Void = { _ in }) throws -> RegistryStore {
        try open(freeBytes: nil, change)
    }

    func open(
        freeBytes: (@Sendable () throws -> Int64)?, _ change: (inout RegistryStore.Limits) -> Void
    ) throws -> RegistryStore {
        var limits = RegistryStore.Limits()
        limits.diskReserve = 0
        change(&limits)
        let clock = clock
        return try RegistryStore(
            root: directory, limits: limits, now: { clock.now }, freeBytes: freeBytes,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    static func body(_ bytes: [UInt8], chunk: Int = 1000) -> AsyncStream<ByteBuffer> {
        AsyncStream { continuation in
            for start in stride(from: 0, to: bytes.count, by: chunk) {
                continuation.yield(ByteBuffer(bytes: bytes[start..<min(start + chunk, bytes.count)]))
            }
            continuation.finish()
        }
    }

    static func digest(_ bytes: [UInt8]) -> Digest { ContentHasher.digest(of: bytes) }

    @discardableResult
    func upload(_ bytes: [UInt8], to store: RegistryStore, _ name: RepositoryName? = nil) async throws -> Digest {
        let id = try await store.startUpload(in: name ?? repository)
        try await store.finishUpload(
            id, in: name ?? repository, digest: Self.digest(bytes), body: Self.body(bytes))
        return Self.digest(bytes)
    }

    static func manifest(config: [UInt8], layers: [[UInt8]], subject: Digest? = nil) -> [UInt8] {
        func descriptor(_ type: String, _ bytes: [UInt8]) -> JSONValue {
            ["mediaType": .string(type), "digest": .string("\(digest(bytes))"), "size": .integer(Int64(bytes.count))]
        }
        var value: JSONValue = [
            "schemaVersion": 2, "mediaType": .string(MediaType.ociManifest),
            "config": descriptor(MediaType.ociConfig, config),
            "layers": .array(layers.map { descriptor(MediaType.ociLayer, $0) }),
        ]
        if let subject {
            value["subject"] = [
                "mediaType": .string(MediaType.ociManifest), "digest": .string("\(subject)"), "size": 3,
            ]
        }
        return value.serialized()
    }

    /// Whether a blob's file is there.
    func hasFile(_ digest: Digest) -> Bool { Files.exists(directory + "/blobs/sha256/" + digest.hex) }
}

/// The code with which a call fails.
func code(of body: () async throws -> Void) async -> ImageError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? ImageError)?.code
    }
}
