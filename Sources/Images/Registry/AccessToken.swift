internal import Crypto
internal import JSON
internal import Linux

/// A short-lived signed statement of what its holder may do: claims in base64, a dot, and their HMAC-SHA256.
///
/// It runs out by the clock that counts from the machine's start, so that a wrong date neither prolongs nor ends it; the
/// key is of one start of the machine, for the same reason.
struct AccessToken: Sendable {
    /// A scope as it was asked for, and what of it was granted.
    struct Grant: Sendable {
        let asked: AccessScope
        let granted: Set<String>
    }

    static let lifetime: Duration = .seconds(300)

    let subject: RegistryCaller.Subject
    let grants: [Grant]

    func signed(with key: SymmetricKey, at now: MonotonicInstant) -> String {
        let claims: JSONValue = [
            "sub": .string(subject.description), "end": .integer(now.advanced(by: Self.lifetime).nanoseconds),
            "access": .array(grants.map(Self.claim)),
        ]
        let payload = Base64.encode(claims.serialized())
        return payload + "."
            + Base64.encode(Array(HMAC<SHA256>.authenticationCode(for: Array(payload.utf8), using: key)))
    }

    /// Nil for a token that is not ours, was changed, or has run out.
    init?(_ text: String, key: SymmetricKey, at now: MonotonicInstant) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let code = Base64.decode(parts[1]),
            HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Array(parts[0].utf8), using: key),
            let claims = Base64.decode(parts[0]).flatMap({ try? JSONValue(parsing: $0) }),
            let end = claims["end"]?.intValue, Int64(end) > now.nanoseconds,
            let subject = claims["sub"]?.stringValue.flatMap(RegistryCaller.Subject.init(parsing:))
        else { return nil }
        self.init(subject: subject, grants: (claims["access"]?.arrayValue ?? []).compactMap(Self.grant))
    }

    init(subject: RegistryCaller.Subject, grants: [Grant]) {
        self.subject = subject
        self.grants = grants
    }

    private static func claim(_ grant: Grant) -> JSONValue {
        [
            "scope": .string(grant.asked.description),
            "granted": .array(grant.granted.sorted().map { .string($0) }),
        ]
    }

    private static func grant(_ claim: JSONValue) -> Grant? {
        guard let scope = claim["scope"]?.stringValue.flatMap({ AccessScope(parsing: $0) }) else { return nil }
        return Grant(asked: scope, granted: Set((claim["granted"]?.arrayValue ?? []).compactMap(\.stringValue)))
    }
}
