import JSON
import Linux
import NIOCore
import NIOHTTP1
import NIOPosix
import OCI
import Synchronization

@testable import Images

/// An HTTP server on loopback whose answers a test writes, and which remembers what it was asked.
final class FakeRegistry: Sendable {
    struct Answer: Sendable {
        var status: HTTPResponseStatus = .ok
        var headers: HTTPHeaders = [:]
        var body: [UInt8] = []
        /// Closes the connection after this many bytes of the body.
        var cutAfter: Int?
        /// Sends this many bytes of the body, and then nothing more on an open connection.
        var stallAfter: Int?

        static func body(_ bytes: [UInt8], type: String = "application/octet-stream") -> Answer {
            Answer(headers: ["Content-Type": type], body: bytes)
        }
    }

    struct Asked: Sendable {
        let uri: String
        let headers: HTTPHeaders
    }

    private let channel: any Channel
    private let log: Log
    let port: Int

    final class Log: Sendable {
        let requests = Mutex<[Asked]>([])
    }

    init(_ answer: @escaping @Sendable (Asked) -> Answer) async throws {
        let log = Log()
        self.log = log
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(Handler(log, answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    var authority: String { "127.0.0.1:\(port)" }
    var requests: [Asked] { log.requests.withLock { $0 } }

    func stop() async throws { try await channel.close() }

    func reference(_ rest: String) throws -> ImageReference { try ImageReference(parsing: "\(authority)/\(rest)") }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let log: Log
        private let answer: @Sendable (Asked) -> Answer
        private var asked: Asked?

        init(_ log: Log, _ answer: @escaping @Sendable (Asked) -> Answer) {
            self.log = log
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): asked = Asked(uri: head.uri, headers: head.headers)
            case .body: break
            case .end:
                guard let asked else { return }
                log.requests.withLock { $0.append(asked) }
                write(answer(asked), context)
            }
        }

        private func write(_ answer: Answer, _ context: ChannelHandlerContext) {
            var headers = answer.headers
            headers.replaceOrAdd(name: "Content-Length", value: "\(answer.body.count)")
            context.write(
                wrapOutboundOut(.head(.init(version: .http1_1, status: answer.status, headers: headers))), promise: nil)
            let sent = (answer.cutAfter ?? answer.stallAfter).map { Array(answer.body[..<$0]) } ?? answer.body
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: sent)))), promise: nil)
            if answer.cutAfter != nil {
                context.close(promise: nil)
            } else if answer.stallAfter == nil {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}

extension FakeRegistry.Asked {
    /// The first and the last byte of a `Range` header, which must be closed.
    var range: ClosedRange<Int>? {
        guard let text = headers.first(name: "Range"), text.hasPrefix("bytes=") else { return nil }
        let ends = text.dropFirst(6).split(separator: "-").compactMap { Int($0) }
        return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : nil
    }
}

extension FakeRegistry.Answer {
    /// What a good server gives to a range.
    static func part(_ bytes: [UInt8], _ range: ClosedRange<Int>?) -> FakeRegistry.Answer {
        guard let range, range.upperBound < bytes.count else { return .body(bytes) }
        return FakeRegistry.Answer(
            status: .partialContent,
            headers: ["Content-Range": "bytes \(range.lowerBound)-\(range.upperBound)/\(bytes.count)"],
            body: Array(bytes[range]))
    }
}

/// An image of one gzip layer, made in memory.
struct SampleImage: Sendable {
    let layer: [UInt8]
    let config: [UInt8]
    let manifest: [UInt8]
    let blobs: [Digest: [UInt8]]

    var manifestDigest: Digest { ContentHasher.digest(of: manifest) }
    var id: Digest { ContentHasher.digest(of: config) }
    var layerDigest: Digest { ContentHasher.digest(of: layer) }

    /// - Parameter bulk: Bytes of a second file that do not compress.
    init(
        architecture: String = Platform.current.architecture, file: String = "hello", compression: Compression = .gzip,
        bulk: Int = 0
    ) throws {
        var tar = TarBuilder()
        tar.add("etc/", .directory, mode: 0o755)
        tar.add("etc/" + file, content: Array("world".utf8))
        if bulk > 0 {
            var generator = SystemRandomNumberGenerator()
            tar.add("bulk", content: (0..<bulk).map { _ in UInt8.random(in: 0...255, using: &generator) })
        }
        let plain = tar.finished()
        layer = compression.compress(plain)
        let image = ImageConfig(
            platform: Platform(architecture: architecture), diffIDs: [ContentHasher.digest(of: plain)])
        config = try JSONValue(encoding: image).serialized()
        let layerType = compression == .gzip ? MediaType.ociLayerGzip : MediaType.ociLayerZstd
        manifest = try JSONValue(
            encoding: ImageManifest(
                config: Descriptor(
                    mediaType: MediaType.ociConfig, digest: ContentHasher.digest(of: config), size: Int64(config.count)),
                layers: [
                    Descriptor(
                        mediaType: layerType, digest: ContentHasher.digest(of: layer), size: Int64(layer.count))
                ])
        ).serialized()
        blobs = [ContentHasher.digest(of: config): config, ContentHasher.digest(of: layer): layer]
    }

    func descriptor(_ platform: Platform) -> Descriptor {
        Descriptor(
            mediaType: MediaType.ociManifest, digest: manifestDigest, size: Int64(manifest.count), platform: platform)
    }

    /// The answer to a request for one of its parts; nil for anything else.
    func answer(_ uri: String, tag: String = "1") -> FakeRegistry.Answer? {
        if uri.hasSuffix("/manifests/\(tag)") || uri.hasSuffix("/manifests/\(manifestDigest)") {
            return .body(manifest, type: MediaType.ociManifest)
        }
        guard let digest = uri.split(separator: "/").last.flatMap({ try? Digest(parsing: String($0)) }) else {
            return nil
        }
        return blobs[digest].map { .body($0) }
    }
}
