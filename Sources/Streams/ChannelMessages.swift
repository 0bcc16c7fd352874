public import NIOCore

/// The subprotocols `*.channel.k8s.io`: each message is for the channel that its first byte names.
public enum ChannelProtocol: String, CaseIterable, Sendable {
    /// As v4, and the client can end a channel.
    case v5 = "v5.channel.k8s.io"
    case v4 = "v4.channel.k8s.io"

    /// The first one that a client offers and this server speaks; clients list the best first.
    public static func chosen(from offered: [String]) -> ChannelProtocol? {
        offered.lazy.compactMap { ChannelProtocol(rawValue: $0) }.first
    }

    /// The channel whose messages end others, by their number.
    public static let closing: UInt8 = 255
}

/// Puts the pieces of messages to their channels.
public struct ChannelMessages {
    public enum Event: Equatable, Sendable {
        /// A piece of what is sent in a channel.
        case data(UInt8, ByteBuffer)
        /// A whole message in a channel that takes short ones only.
        case message(UInt8, ByteBuffer)
        /// The client ends a channel.
        case closed(UInt8)
    }

    /// Of a message in a channel of `whole`.
    public static let largestMessage = 1024
    private let canClose: Bool
    private let whole: Set<UInt8>
    private var channel: UInt8?
    private var collected = ByteBuffer()

    /// - Parameter whole: the channels whose messages are given whole.
    public init(_ version: ChannelProtocol, whole: Set<UInt8> = []) {
        canClose = version == .v5
        self.whole = whole
    }

    /// What a piece of a message means; nil for nothing yet.
    public mutating func receive(_ piece: ByteBuffer, isFirst: Bool, isLast: Bool) throws(StreamError) -> Event? {
        var piece = piece
        if isFirst {
            channel = nil
            collected.clear()
        }
        if channel == nil { channel = piece.readInteger() }
        // An empty message is for nobody.
        guard let channel else { return nil }
        let closes = canClose && channel == ChannelProtocol.closing
        guard closes || whole.contains(channel) else {
            return piece.readableBytes > 0 ? .data(channel, piece) : nil
        }
        guard collected.readableBytes + piece.readableBytes <= Self.largestMessage else {
            throw StreamError(.tooLarge, "a message in channel \(channel) is longer than 1024 bytes")
        }
        collected.writeImmutableBuffer(piece)
        guard isLast else { return nil }
        guard closes else { return .message(channel, collected) }
        guard let target = collected.readInteger(as: UInt8.self), collected.readableBytes == 0 else {
            throw StreamError(.malformed, "a message that closes a channel does not name one")
        }
        return .closed(target)
    }
}
