import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import HTTPServing

@Suite("A connection that only holds a place")
struct ConnectionUpkeepTests {
    private let channel = EmbeddedChannel()
    private let head = HTTPRequest(method: .post, scheme: "http", authority: "x", path: "/")

    init() throws {
        try channel.pipeline.syncOperations.addHandler(ConnectionUpkeep(interval: .seconds(60)))
        try channel.connect(to: SocketAddress(unixDomainSocketPath: "/x")).wait()
        channel.read()
    }

    private func receive(_ part: HTTPRequestPart) throws {
        try channel.writeInbound(part)
        channel.read()
    }

    @Test("is closed when its body drips")
    func drip() throws {
        try receive(.head(head))
        for _ in 0..<20 {
            try receive(.body(ByteBuffer(string: " ")))
            channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        }
        #expect(!channel.isActive)
    }

    @Test("stays when its body gets on, and when the request is whole")
    func progress() throws {
        try receive(.head(head))
        for _ in 0..<10 {
            try receive(.body(ByteBuffer(repeating: 0x20, count: 20_000)))
            channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        }
        try receive(.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
    }

    @Test("gives each request its own time")
    func second() throws {
        try receive(.head(head))
        try receive(.end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(50))
        try receive(.head(head))
        channel.embeddedEventLoop.advanceTime(by: .seconds(20))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(40))
        #expect(!channel.isActive)
    }

    @Test("is not closed while the server is the one that does not read")
    func slowServer() throws {
        try receive(.head(head))
        try channel.writeInbound(HTTPRequestPart.body(ByteBuffer(string: " ")))
        channel.embeddedEventLoop.advanceTime(by: .minutes(5))
        #expect(channel.isActive)
    }
}
