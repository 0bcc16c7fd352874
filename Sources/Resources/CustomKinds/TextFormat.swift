#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// The values of `format` that texts are checked against, as go-openapi does; all others are descriptions.
enum TextFormat {
    static func named(_ name: String) -> (@Sendable (String) -> Bool)? { table[name] }

    private static let table: [String: @Sendable (String) -> Bool] = [
        "date-time": { Timestamp($0) != nil },
        "date": { $0.utf8.count == 10 && Timestamp("\($0)T00:00:00Z") != nil },
        "duration": isDuration,
        "byte": { $0.isEmpty || Base64.decode($0) != nil },
        "uuid": { matches(uuid, $0) },
        "ipv4": { isAddress($0, AF_INET) },
        "ipv6": { isAddress($0, AF_INET6) },
        "cidr": isNetwork,
        "mac": { matches(mac, $0) },
        "hostname": { $0.utf8.count <= 255 && NameRules.subdomain($0.lowercased()) == nil },
        "email": { matches(email, $0) },
        "uri": { matches(uri, $0) },
    ]

    private static let uuid = try? TextPattern("^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$")
    private static let mac = try? TextPattern("^(?i)([0-9a-f]{2}[:-]){5}([0-9a-f]{2}[:-]){0,2}[0-9a-f]{0,2}$")
    private static let email = try? TextPattern("^[^@\\s]+@[^@\\s]+$")
    private static let uri = try? TextPattern("^([A-Za-z][A-Za-z0-9+.-]*:\\S+|/\\S*)$")
    private static let duration = try? TextPattern(
        "^[+-]?(0|([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$"
    )

    private static func matches(_ pattern: TextPattern?, _ text: String) -> Bool { pattern?.matches(text) == true }

    @Sendable private static func isDuration(_ text: String) -> Bool {
        if matches(duration, text) { return true }
        // go-openapi's own words.
        let parts = text.lowercased().split(separator: " ")
        let units: Set<Substring> = [
            "ns", "us", "ms", "s", "sec", "second", "seconds", "m", "min", "minute", "minutes", "h", "hr", "hour",
            "hours", "d",
            "day", "days", "w", "week", "weeks",
        ]
        return parts.count == 2 && Int(parts[0]) != nil && units.contains(parts[1])
    }

    private static func isAddress(_ text: String, _ family: Int32) -> Bool {
        var bytes = in6_addr()
        return inet_pton(family, text, &bytes) == 1
    }

    @Sendable private static func isNetwork(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let length = Int(parts[1]), length >= 0 else { return false }
        return (isAddress(String(parts[0]), AF_INET) && length <= 32)
            || (isAddress(String(parts[0]), AF_INET6) && length <= 128)
    }
}
