/// Standard base64 with padding (RFC 4648 section 4).
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var iterator = bytes.makeIterator()
        while let first = iterator.next() {
            let second = iterator.next()
            let third = second == nil ? nil : iterator.next()
            let group = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
            text.append(alphabet[Int(group >> 18)])
            text.append(alphabet[Int(group >> 12 & 63)])
            text.append(second == nil ? UInt8(ascii: "=") : alphabet[Int(group >> 6 & 63)])
            text.append(third == nil ? UInt8(ascii: "=") : alphabet[Int(group & 63)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Newlines are skipped, as Go does; nil for everything else that is no base64.
    public static func decode(_ text: String) -> [UInt8]? {
        if case .bytes(let bytes) = decoding(text) { bytes } else { nil }
    }

    enum Decoded {
        case bytes([UInt8])
        case fault(offset: Int)
    }

    static func decoding(_ text: String) -> Decoded {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var group: UInt32 = 0
        var count = 0
        var padding = 0
        for (offset, character) in text.utf8.enumerated() {
            if character == 0x0A || character == 0x0D { continue }
            if character == UInt8(ascii: "=") {
                padding += 1
                guard count >= 2, count + padding <= 4 else { return .fault(offset: offset) }
                continue
            }
            let value = values[Int(character)]
            guard value != 0xFF, padding == 0 else { return .fault(offset: offset) }
            group = group << 6 | UInt32(value)
            count += 1
            if count == 4 {
                bytes.append(UInt8(group >> 16 & 0xFF))
                bytes.append(UInt8(group >> 8 & 0xFF))
                bytes.append(UInt8(group & 0xFF))
                group = 0
                count = 0
            }
        }
        guard count == 0 || count + padding == 4 else { return .fault(offset: text.utf8.count) }
        if count == 3 {
            bytes.append(UInt8(group >> 10 & 0xFF))
            bytes.append(UInt8(group >> 2 & 0xFF))
        } else if count == 2 {
            bytes.append(UInt8(group >> 4 & 0xFF))
        }
        return .bytes(bytes)
    }

    /// The URL alphabet without padding (RFC 4648 section 5), as tokens are written.
    public static func encodeURL(_ bytes: some Collection<UInt8>) -> String {
        let text = encode(bytes).utf8.filter { $0 != UInt8(ascii: "=") }.map { character -> UInt8 in
            switch character {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: character
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// nil for everything but the one form that ``encodeURL(_:)`` gives.
    public static func decodeURL(_ text: some StringProtocol) -> [UInt8]? {
        var standard = text.utf8.map { character -> UInt8 in
            switch character {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: character
            }
        }
        while standard.count % 4 != 0 { standard.append(UInt8(ascii: "=")) }
        guard let bytes = decode(String(decoding: standard, as: UTF8.self)), encodeURL(bytes) == text else {
            return nil
        }
        return bytes
    }
}
