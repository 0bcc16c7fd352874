internal import Crypto
public import Linux

/// Who makes a request to the registry.
public struct RegistryCaller: Sendable {
    /// Whom a caller is, without the rights that a token narrows.
    public enum Subject: Sendable, Hashable, CustomStringConvertible {
        case administrator
        case account(String)
        case device(String)
        case anonymous

        public var description: String {
            switch self {
            case .administrator: "administrator"
            case .account(let name): "account \(name)"
            case .device(let name): "device \(name)"
            case .anonymous: "anonymous"
            }
        }

        init?(parsing text: String) {
            switch text {
            case "administrator": self = .administrator
            case "anonymous": self = .anonymous
            case _ where text.hasPrefix("account "): self = .account(String(text.dropFirst(8)))
            case _ where text.hasPrefix("device "): self = .device(String(text.dropFirst(7)))
            default: return nil
            }
        }
    }

    public let subject: Subject
    let account: RegistryAccount?
    let token: AccessToken?

    /// Whether the caller's rights are those of a token.
    public var hasToken: Bool { token != nil }

    public static let administrator = RegistryCaller(subject: .administrator)
    public static let anonymous = RegistryCaller(subject: .anonymous)

    init(subject: Subject, account: RegistryAccount? = nil, token: AccessToken? = nil) {
        self.subject = subject
        self.account = account
        self.token = token
    }
}

/// Decides who may do what at the registry.
///
/// The hub's administrator may do everything, an account what its repositories and its right to push say, a device pull
/// from any repository, and strangers pull if the hub was started so. A token holds what was granted to its subject when
/// it was asked for.
public struct RegistryAccess: Sendable {
    private let store: RegistryStore
    private let isAdministrator: @Sendable (_ password: String) -> Bool
    private let device: @Sendable (_ serial: String) async -> String?
    private let allowsAnonymousPull: Bool
    private let limiter: LoginLimiter
    private let key: SymmetricKey
    private let now: @Sendable () -> MonotonicInstant

    /// - Parameters:
    ///   - isAdministrator: Whether this is the token of the hub's kubeconfig; compares in constant time.
    ///   - device: The enrolled device whose certificate has this serial number; nil for revoked and unknown ones.
    public init(
        store: RegistryStore, allowsAnonymousPull: Bool, isAdministrator: @escaping @Sendable (String) -> Bool,
        device: @escaping @Sendable (String) async -> String?,
        now: @escaping @Sendable () -> MonotonicInstant = { .now() }
    ) async throws {
        self.store = store
        self.allowsAnonymousPull = allowsAnonymousPull
        self.isAdministrator = isAdministrator
        self.device = device
        self.now = now
        limiter = LoginLimiter(now: now)
        let start = try Files.read("/proc/sys/kernel/random/boot_id", limit: 256)
        key = SymmetricKey(
            data: HMAC<SHA256>.authenticationCode(for: start, using: SymmetricKey(data: try await store.tokenKey())))
    }

    // MARK: Who

    /// The holder of a token of ``token(for:scopes:)``; nil when it is none.
    public func caller(token: String) -> RegistryCaller? {
        AccessToken(token, key: key, at: now()).map { RegistryCaller(subject: $0.subject, token: $0) }
    }

    /// The device with this certificate, which the listener has verified; nil when it is not enrolled any more.
    public func caller(certificateSerial serial: String) async -> RegistryCaller? {
        await device(serial).map { RegistryCaller(subject: .device($0)) }
    }

    /// Somebody with the credentials of a `Basic` header: base64 of name, colon and password.
    /// - Throws: `unauthorized`; `tooManyRequests` after several wrong ones from this address.
    public func caller(basic: String, from address: String?) async throws(ImageError) -> RegistryCaller {
        let text = Base64.decode(basic).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return try await caller(
            name: String(parts.first ?? ""), password: parts.count == 2 ? String(parts[1]) : "", from: address)
    }

    /// Somebody with a name and a password.
    /// - Throws: as ``caller(basic:from:)``.
    public func caller(name: String, password: String, from address: String?) async throws(ImageError) -> RegistryCaller
    {
        try limiter.admit(address)
        if name == RegistryStore.administratorName, isAdministrator(password) { return .administrator }
        if let account = try await store.account(name, password: password) {
            return RegistryCaller(subject: .account(account.name), account: account)
        }
        limiter.failed(address)
        throw ImageError(
            .unauthorized,
            "the user \"\(name.prefix(64))\" or its password is wrong; `wherry registry user add` makes one")
    }

    // MARK: What

    /// - Throws: `unauthorized` for strangers, unless the hub lets them pull.
    public func demandLogin(_ caller: RegistryCaller) throws(ImageError) {
        guard caller.subject == .anonymous, !allowsAnonymousPull else { return }
        throw ImageError(.unauthorized, "a login is needed")
    }

    /// - Throws: `unauthorized` when other credentials or another token may help, `denied` when not.
    public func authorize(_ caller: RegistryCaller, _ scope: AccessScope) async throws(ImageError) {
        if let token = caller.token {
            let matching = token.grants.filter { $0.asked.type == scope.type && $0.asked.name == scope.name }
            if matching.contains(where: { scope.actions.isSubset(of: $0.granted) }) { return }
            // A client may hold a token for something else: then it shall ask for the right one.
            guard matching.contains(where: { scope.actions.isSubset(of: Self.expanded($0.asked)) }) else {
                throw ImageError(.unauthorized, "the token is not for \(scope)")
            }
        } else if scope.actions.isSubset(of: await granted(scope, to: caller)) {
            return
        }
        guard caller.subject != .anonymous else {
            throw ImageError(.unauthorized, "a login is needed for \(scope)")
        }
        throw ImageError(.denied, "\(caller.subject) may not have \(scope)")
    }

    /// A token for as much of the scopes as the caller may have, and the seconds for which it is good.
    public func token(for caller: RegistryCaller, scopes: [AccessScope]) async -> (token: String, seconds: Int64) {
        var grants: [AccessToken.Grant] = []
        for scope in scopes.prefix(32) {
            grants.append(AccessToken.Grant(asked: scope, granted: await granted(scope, to: caller)))
        }
        let token = AccessToken(subject: caller.subject, grants: grants)
        return (token.signed(with: key, at: now()), AccessToken.lifetime.components.seconds)
    }

    /// Which repositories a caller sees in the catalogue.
    public func visibility(for caller: RegistryCaller) async -> @Sendable (RepositoryName) -> Bool {
        switch caller.subject {
        case .administrator: return { _ in true }
        case .account:
            let account = await account(of: caller)
            return { account?.covers($0) ?? false }
        case .device, .anonymous: return { _ in false }
        }
    }

    private func granted(_ scope: AccessScope, to caller: RegistryCaller) async -> Set<String> {
        let wanted = Self.expanded(scope)
        if caller.subject == .administrator { return wanted }
        if scope.type == "registry" {
            guard scope.name == "catalog", case .account = caller.subject else { return [] }
            return wanted
        }
        guard scope.type == "repository", let repository = try? RepositoryName(parsing: scope.name) else { return [] }
        let pull: Set = [RegistryAction.pull.rawValue]
        switch caller.subject {
        case .administrator: return wanted
        case .device: return wanted.intersection(pull)
        case .anonymous: return allowsAnonymousPull ? wanted.intersection(pull) : []
        case .account:
            guard let account = await account(of: caller), account.covers(repository) else { return [] }
            return account.mayPush ? wanted : wanted.intersection(pull)
        }
    }

    private func account(of caller: RegistryCaller) async -> RegistryAccount? {
        if let account = caller.account { return account }
        guard case .account(let name) = caller.subject else { return nil }
        return try? await store.account(name)
    }

    /// `*` of a repository stands for everything; what is no action of ours is granted to nobody.
    private static func expanded(_ scope: AccessScope) -> Set<String> {
        let known = Set(RegistryAction.allCases.map(\.rawValue))
        guard scope.type == "repository" else { return scope.actions.intersection(["*"]) }
        return scope.actions.contains("*") ? known : scope.actions.intersection(known)
    }
}
