/// A block of IPv4 addresses, as `10.43.0.0/16`, without its network and its broadcast address.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let base: UInt32
    private let prefix: UInt32

    /// nil for what is no block of at least 16 addresses, or names a host within one.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let base = Self.number(String(parts[0])), let prefix = UInt32(parts[1]),
            (8...28).contains(prefix), base & Self.hostBits(prefix) == 0
        else { return nil }
        self.base = base
        self.prefix = prefix
    }

    public var description: String { "\(Self.text(base))/\(prefix)" }

    /// How many addresses it has to give.
    var count: UInt32 { Self.hostBits(prefix) - 1 }
    /// That of the service `kubernetes`.
    public var first: String { address(0) }

    func address(_ index: UInt32) -> String { Self.text(base + 1 + index) }

    /// Which one it is; nil for one of elsewhere.
    func index(of address: String) -> UInt32? {
        guard let number = Self.number(address), number > base, number - base <= count else { return nil }
        return number - base - 1
    }

    private static func hostBits(_ prefix: UInt32) -> UInt32 { (1 << (32 - prefix)) - 1 }

    /// Four decimal numbers without leading zeros.
    static func number(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var number: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part), String(byte) == part else { return nil }
            number = number << 8 | UInt32(byte)
        }
        return number
    }

    private static func text(_ number: UInt32) -> String {
        (0..<4).reversed().map { String(number >> (8 * $0) & 0xff) }.joined(separator: ".")
    }
}
