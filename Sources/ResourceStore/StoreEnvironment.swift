internal import Linux

/// What the store takes from outside: the date for timestamps, and randomness for names and uids.
public struct StoreEnvironment: Sendable {
    /// Wall-clock seconds since 1970, for display in timestamps.
    public var now: @Sendable () -> Int64
    /// Monotonic seconds, for every duration.
    public var uptime: @Sendable () -> Int64
    public var random: @Sendable () -> UInt64

    public init(
        now: @escaping @Sendable () -> Int64, uptime: @escaping @Sendable () -> Int64,
        random: @escaping @Sendable () -> UInt64
    ) {
        self.now = now
        self.uptime = uptime
        self.random = random
    }

    public static let system = StoreEnvironment(
        now: { WallClock.now().seconds },
        uptime: { MonotonicInstant.now().nanoseconds / 1_000_000_000 },
        random: {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        })

    var timestamp: String { RFC3339.format(seconds: now()) }
    func timestamp(after seconds: Int) -> String { RFC3339.format(seconds: now() + Int64(seconds)) }

    /// A version 4 UUID.
    func makeUID() -> String {
        let high = random() & 0xffff_ffff_ffff_0fff | 0x4000
        let low = random() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        let digits = hexadecimal(high) + hexadecimal(low)
        var text: [UInt8] = []
        for (index, digit) in digits.enumerated() {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            text.append(digit)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func hexadecimal(_ value: UInt64) -> [UInt8] {
        let alphabet = Array("0123456789abcdef".utf8)
        return (0..<16).map { alphabet[Int(value >> (60 - 4 * UInt64($0)) & 15)] }
    }

    /// Kubernetes' alphabet for generated names: no vowels, nothing that looks like something else.
    static let nameAlphabet = Array("bcdfghjklmnpqrstvwxz2456789".utf8)

    func makeSuffix() -> String {
        let letters = (0..<5).map { _ in Self.nameAlphabet[Int(random() % UInt64(Self.nameAlphabet.count))] }
        return String(decoding: letters, as: UTF8.self)
    }
}
