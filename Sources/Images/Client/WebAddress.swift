/// The parts of an http(s) URL that decide what may be sent to it.
struct WebAddress: Equatable, CustomStringConvertible {
    let isSecure: Bool
    /// Lowercase; IPv6 addresses in brackets.
    let host: String
    let port: Int
    /// Path and query, beginning with `/`.
    let target: String

    init?(_ text: String) {
        let lowered = text.prefix(8).lowercased()
        var rest: Substring
        if lowered.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if lowered.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        rest = rest[end...].prefix { $0 != "#" }
        target = rest.isEmpty ? "/" : rest.hasPrefix("/") ? String(rest) : "/" + rest
        // No user information: it would be a way to hide the real host, and we send credentials otherwise.
        guard !authority.isEmpty, !authority.contains("@"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            return nil
        }
        var hostPart = authority
        var port = isSecure ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65535).contains(number) else {
                return nil
            }
            port = number
            hostPart = authority[..<colon]
        }
        guard !hostPart.isEmpty else { return nil }
        host = hostPart.lowercased()
        self.port = port
    }

    /// Whether both are the same server, as far as credentials are concerned.
    func isSameOrigin(as other: WebAddress) -> Bool {
        isSecure == other.isSecure && host == other.host && port == other.port
    }

    /// `host:port`, for messages.
    var authority: String { "\(host):\(port)" }

    /// The same without the port that the scheme implies.
    var shortAuthority: String { port == (isSecure ? 443 : 80) ? host : authority }

    var description: String { (isSecure ? "https://" : "http://") + shortAuthority + target }

    /// Where a `Location` header leads from here; nil when it is no web address.
    func resolving(_ location: String) -> WebAddress? {
        if let absolute = WebAddress(location) { return absolute }
        let origin = (isSecure ? "https://" : "http://") + authority
        if location.hasPrefix("//") { return WebAddress((isSecure ? "https:" : "http:") + location) }
        guard !location.contains("://") || location.hasPrefix("/") || location.hasPrefix("?") else { return nil }
        if location.hasPrefix("/") { return WebAddress(origin + location) }
        let path = target.prefix { $0 != "?" }
        if location.hasPrefix("?") { return WebAddress(origin + path + location) }
        let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "/"
        return WebAddress(origin + directory + location)
    }

    /// Whether a host (without port) is this machine.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host.hasSuffix(".localhost") || host == "[::1]" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Percent-encodes a query's value.
    static func queryValue(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-._~".utf8.contains(byte)
            result += isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: result, as: UTF8.self)
    }
}
