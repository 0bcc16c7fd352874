internal import Linux

/// The account that the hub's own broker runs under.
struct BrokerAccount: Sendable, Hashable {
    let name: String
    let group: gid_t

    /// The first of `mosquitto` and `nobody` that exists, for a hub that is root; nil keeps the hub's own account.
    ///
    /// Also nil for a port below 1024: mosquitto opens its ports after it has changed its user.
    static func unprivileged(port: Int) -> BrokerAccount? {
        guard geteuid() == 0, port >= 1024 else { return nil }
        return find(["mosquitto", "nobody"], in: (try? Files.read("/etc/passwd")) ?? [])
    }

    static func find(_ names: [String], in accounts: [UInt8]) -> BrokerAccount? {
        let lines = accounts.split(separator: UInt8(ascii: "\n")).map {
            $0.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
        }
        for name in names {
            if let line = lines.first(where: { $0.count == 7 && $0[0] == name }), let group = gid_t(line[3]) {
                return BrokerAccount(name: name, group: group)
            }
        }
        return nil
    }
}
