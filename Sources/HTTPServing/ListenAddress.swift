/// A TCP address to listen on, as written after `--listen`: `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// Name or literal address, without brackets.
    public var host: String
    /// 0 lets the kernel choose a free port.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Parses `HOST:PORT`; an empty host stands for every IPv4 address.
    public init(parsing text: String) throws(HTTPServingError) {
        let hint = "write HOST:PORT, for example 127.0.0.1:6443 or [::1]:6443; port 0 chooses a free one"
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else {
            throw HTTPServingError(.invalidAddress, "listen address \"\(text)\" has no port: \(hint)")
        }
        guard let port = UInt16(text[text.index(after: colon)...]) else {
            throw HTTPServingError(.invalidAddress, "listen address \"\(text)\" has no valid port: \(hint)")
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw HTTPServingError(
                .invalidAddress, "listen address \"\(text)\" holds an IPv6 address without brackets: \(hint)")
        }
        self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: Int(port))
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
