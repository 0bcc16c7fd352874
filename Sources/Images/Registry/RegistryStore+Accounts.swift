internal import Crypto
internal import SQLite

/// Somebody who may log in at the registry, and to what.
public struct RegistryAccount: Sendable, Hashable {
    public let name: String
    /// Repositories, with `*` for any characters: `team/*`.
    public let repositories: [String]
    public let mayPush: Bool

    public init(name: String, repositories: [String], mayPush: Bool) {
        self.name = name
        self.repositories = repositories
        self.mayPush = mayPush
    }

    func covers(_ repository: RepositoryName) -> Bool {
        repositories.contains { Self.matches(Array($0.utf8)[...], Array(repository.description.utf8)[...]) }
    }

    /// Linear in practice: after each star the shortest fit is taken, and only the last star is tried again.
    static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (pattern, text) = (pattern, text)
        var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while !text.isEmpty {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, text)
            } else if pattern.first == text.first {
                (pattern, text) = (pattern.dropFirst(), text.dropFirst())
            } else if let last = retry {
                retry = (last.pattern, last.text.dropFirst())
                (pattern, text) = (last.pattern, last.text.dropFirst())
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension RegistryStore {
    /// The name by which the hub's own administrator logs in, with the kubeconfig's token as password.
    public static let administratorName = "admin"

    /// Makes an account, or gives an existing one another password and other rights.
    ///
    /// The password has 192 random bits, so that one pass of SHA-256 over salt and password is as good as any slow sum.
    ///
    /// - Returns: The password, which is kept as a hash only.
    /// - Throws: `invalidName`.
    public func addAccount(_ account: RegistryAccount) throws(ImageError) -> String {
        guard Self.isAccountName(account.name) else {
            throw ImageError(
                .invalidName,
                "\"\(account.name.prefix(64))\" is not a name for an account: use 1 to 40 of a-z, 0-9, . _ and -, and not "
                    + "\"\(Self.administratorName)\"")
        }
        guard !account.repositories.isEmpty, account.repositories.allSatisfy(Self.isPattern) else {
            throw ImageError(
                .invalidName, "name repositories such as team/app, or team/* for all below team, or * for every one")
        }
        let password = Base64.encode((0..<24).map { _ in UInt8.random(in: .min ... .max) })
            .map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
        let salt = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        try attempt("cannot store the account \(account.name)") {
            try database.save(account, salt: salt, hash: Self.hash(salt, String(password)))
        }
        return String(password)
    }

    /// - Returns: Whether there was one.
    public func removeAccount(_ name: String) throws(ImageError) -> Bool {
        try attempt("cannot remove the account \(name)") { try database.removeAccount(name) }
    }

    public func accounts() throws(ImageError) -> [RegistryAccount] {
        try attempt("cannot list the accounts") { try database.accounts() }
    }

    /// The account with this name and password.
    func account(_ name: String, password: String) throws(ImageError) -> RegistryAccount? {
        try attempt("cannot look up an account") {
            guard let secret = try database.secret(of: name), Self.hash(secret.salt, password) == secret.hash else {
                return nil
            }
            return try database.account(name)
        }
    }

    func account(_ name: String) throws(ImageError) -> RegistryAccount? {
        try attempt("cannot look up an account") { try database.account(name) }
    }

    /// The key of the registry's tokens, made once.
    func tokenKey() throws(ImageError) -> [UInt8] {
        try attempt("cannot read the key of the registry's tokens") {
            if let key = try database.setting("token-key") { return key }
            let key = (0..<32).map { _ in UInt8.random(in: .min ... .max) }
            try database.set("token-key", key)
            return key
        }
    }

    private static func hash(_ salt: [UInt8], _ password: String) -> [UInt8] {
        var sum = SHA256()
        sum.update(data: salt)
        sum.update(data: Array(password.utf8))
        return Array(sum.finalize())
    }

    private static func isAccountName(_ name: String) -> Bool {
        (1...40).contains(name.utf8.count) && name != administratorName
            && name.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    private static func isPattern(_ pattern: String) -> Bool {
        (1...255).contains(pattern.utf8.count)
            && pattern.utf8.allSatisfy { isWord($0) || "./-*".utf8.contains($0) }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "_")
    }
}

extension RegistryDatabase {
    func save(_ account: RegistryAccount, salt: [UInt8], hash: [UInt8]) throws {
        try connection.transaction {
            _ = try removeAccount(account.name)
            try connection.execute(
                "INSERT INTO accounts (name, salt, hash, may_push) VALUES (?, ?, ?, ?)",
                [.text(account.name), .blob(salt), .blob(hash), .integer(account.mayPush ? 1 : 0)])
            for pattern in Set(account.repositories) {
                try connection.execute(
                    "INSERT INTO account_repositories (account, pattern) VALUES (?, ?)",
                    [.text(account.name), .text(pattern)])
            }
        }
    }

    func removeAccount(_ name: String) throws -> Bool {
        try connection.execute("DELETE FROM accounts WHERE name = ?", [.text(name)])
        return connection.changes > 0
    }

    func accounts() throws -> [RegistryAccount] {
        try connection.query("SELECT name FROM accounts ORDER BY name") { $0.text(0) }.compactMap { try account($0) }
    }

    func account(_ name: String) throws -> RegistryAccount? {
        let mayPush = try connection.first("SELECT may_push FROM accounts WHERE name = ?", [.text(name)]) {
            $0.integer(0) != 0
        }
        guard let mayPush else { return nil }
        let patterns = try connection.query(
            "SELECT pattern FROM account_repositories WHERE account = ? ORDER BY pattern", [.text(name)]
        ) { $0.text(0) }
        return RegistryAccount(name: name, repositories: patterns, mayPush: mayPush)
    }

    func secret(of name: String) throws -> (salt: [UInt8], hash: [UInt8])? {
        try connection.first("SELECT salt, hash FROM accounts WHERE name = ?", [.text(name)]) {
            (salt: $0.bytes(0), hash: $0.bytes(1))
        }
    }
}
