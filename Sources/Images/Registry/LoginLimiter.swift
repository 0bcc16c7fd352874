internal import Linux
internal import Synchronization

/// How often one address may give a wrong password: a few at once, then one in a while.
///
/// Passwords are long enough that none is ever guessed; this keeps a client with an old one from filling the log and the
/// hub's time. Right ones cost nothing, but wait as well while the address is over its pace.
final class LoginLimiter: Sendable {
    static let burst = 10
    static let interval: Duration = .seconds(6)
    /// Addresses that are remembered; beyond, all others share one pace.
    private static let capacity = 4096

    private let now: @Sendable () -> MonotonicInstant
    /// Until when each address has failures to wait for.
    private let due = Mutex<[String: MonotonicInstant]>([:])

    init(now: @escaping @Sendable () -> MonotonicInstant) { self.now = now }

    /// - Parameter address: Nil for the local socket, whose user is the administrator.
    /// - Throws: `tooManyRequests` with the seconds to wait.
    func admit(_ address: String?) throws(ImageError) {
        guard let address else { return }
        let now = now()
        let wait = due.withLock { due in
            due[Self.network(address, due)].map { now.advanced(by: Self.interval * (Self.burst - 1)).duration(to: $0) }
        }
        guard let wait, wait > .zero else { return }
        let seconds = max(1, Int((wait / .seconds(1)).rounded(.up)))
        throw ImageError(
            .tooManyRequests, "too many wrong logins from \(address); try again in \(seconds) s")
    }

    func failed(_ address: String?) {
        guard let address else { return }
        let now = now()
        due.withLock { due in
            due = due.filter { $0.value > now }
            let network = Self.network(address, due)
            due[network] = max(due[network] ?? now, now).advanced(by: Self.interval)
        }
    }

    /// Whom an address stands for: whoever has one of IPv6 has the other 2^64 of its network, too.
    private static func network(_ address: String, _ known: [String: MonotonicInstant]) -> String {
        var bytes = in6_addr()
        var network = address
        if inet_pton(AF_INET6, address, &bytes) == 1, !address.lowercased().hasPrefix("::ffff:") {
            network = withUnsafeBytes(of: &bytes) { $0.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") }
        }
        return known.count < capacity || known[network] != nil ? network : "others"
    }
}
