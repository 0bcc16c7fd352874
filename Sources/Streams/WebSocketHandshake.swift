import Crypto

/// The server's side of a WebSocket's opening (RFC 6455, section 4.2).
public enum WebSocketHandshake {
    /// The answer to a client's `Sec-WebSocket-Key`; nil for what is none.
    public static func accept(key: String) -> String? {
        // 16 bytes in base64.
        guard key.utf8.count == 24, key.utf8.last == UInt8(ascii: "=") else { return nil }
        return base64(Array(Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))))
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = 0
            for byte in group { bits = bits << 8 | Int(byte) }
            bits <<= 8 * (3 - group.count)
            for position in 0..<4 {
                text.append(position <= group.count ? alphabet[bits >> (18 - 6 * position) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
