import NIOCore
import Streams

/// A client's bytes, whole and in pieces of a size that the first byte says, mean the same.
func readSPDY(_ bytes: [UInt8]) {
    guard let size = bytes.first.map({ Int($0) + 1 }) else { return }
    let input = Array(bytes.dropFirst())
    let whole = events(input, in: .max)
    let pieces = events(input, in: size)
    precondition(whole.text == pieces.text, "the pieces of SPDY frames mean something else")
    precondition(whole.isRefused == pieces.isRefused, "SPDY frames are refused or not by their pieces")
}

private func events(_ bytes: [UInt8], in size: Int) -> (text: [UInt8], isRefused: Bool) {
    var connection = SPDYConnection(mostStreams: 4)
    var text: [UInt8] = []
    var rest = bytes[...]
    do {
        while !rest.isEmpty {
            connection.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let event = try connection.next() {
                switch event {
                case .data(let stream, let data):
                    precondition(stream & 1 == 1, "a client's stream is odd")
                    text += Array(data.readableBytesView)
                case .opened(let stream, let headers):
                    text += Array("\(stream) \(headers.sorted { $0.key < $1.key })".utf8)
                    _ = connection.reply(stream)
                case .ended(let stream), .reset(let stream): text += Array("\(stream).".utf8)
                case .answer(let frame): text += Array(frame.readableBytesView)
                case .goAway: text.append(0)
                }
            }
        }
        return (text, false)
    } catch {
        return (text, true)
    }
}

/// As for SPDY, with the channels of the messages.
func readWebSocket(_ bytes: [UInt8]) {
    guard let size = bytes.first.map({ Int($0) + 1 }) else { return }
    let input = Array(bytes.dropFirst())
    let whole = messages(input, in: .max)
    let pieces = messages(input, in: size)
    precondition(whole.channels == pieces.channels, "the pieces of WebSocket frames mean something else")
    precondition(whole.isRefused == pieces.isRefused, "WebSocket frames are refused or not by their pieces")
}

private func messages(_ bytes: [UInt8], in size: Int) -> (channels: [UInt8: [UInt8]], isRefused: Bool) {
    var decoder = WebSocketDecoder()
    var messages = ChannelMessages(.v5, whole: [4])
    var channels: [UInt8: [UInt8]] = [:]
    var rest = bytes[...]
    do {
        while !rest.isEmpty {
            decoder.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let event = try decoder.next() {
                guard case .data(let piece, let isFirst, let isLast) = event else { continue }
                switch try messages.receive(piece, isFirst: isFirst, isLast: isLast) {
                case .data(let channel, let data): channels[channel, default: []] += Array(data.readableBytesView)
                case .message(let channel, let data): channels[channel, default: []] += Array(data.readableBytesView)
                case .closed(let channel): channels[channel, default: []].append(0)
                case nil: break
                }
            }
        }
        return (channels, false)
    } catch {
        return (channels, true)
    }
}
