/// Whom an address stands for: whoever has one of IPv6 has the other 2^64 of its network, too.
public struct NetworkOrigin: Hashable, Sendable {
    private let bytes: [UInt8]

    /// - Parameter address: an IPv4 or IPv6 address; any other text stands for itself.
    public init(_ address: String) {
        var parsed = in6_addr()
        guard inet_pton(AF_INET6, address, &parsed) == 1 else {
            bytes = Array(address.utf8)
            return
        }
        let all = withUnsafeBytes(of: &parsed) { Array($0) }
        let isMapped = all.prefix(12).elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
        bytes = isMapped ? Array(all.map { String($0) }.suffix(4).joined(separator: ".").utf8) : Array(all.prefix(8))
    }
}
