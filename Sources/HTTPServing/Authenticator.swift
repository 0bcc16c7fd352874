import HTTPTypes

/// Turns the credentials of a request into a ``Caller``.
public struct Authenticator: Sendable {
    private let lookUp: @Sendable (_ bearerToken: String) async -> Caller?
    private let owner: @Sendable (_ certificate: [UInt8]) -> Caller?

    /// - Parameters:
    ///   - lookUp: the owner of a bearer token, nil when nobody is. Compare with ``ConstantTime/equal(_:_:)``.
    ///   - owner: the owner of a client certificate (DER) that the listener verified, nil when it names no user.
    public init(
        _ lookUp: @escaping @Sendable (_ bearerToken: String) async -> Caller?,
        owner: @escaping @Sendable (_ certificate: [UInt8]) -> Caller? = { _ in nil }
    ) {
        self.lookUp = lookUp
        self.owner = owner
    }

    /// Refuses everybody.
    public static let refusing = Authenticator { _ in nil }

    /// Fixed tokens; empty ones never match.
    public static func bearerTokens(_ tokens: [(token: String, caller: Caller)]) -> Authenticator {
        Authenticator { presented in
            var found: Caller?
            // Every token is compared, so that the time taken does not tell which one is close.
            for (token, caller) in tokens where !token.isEmpty && ConstantTime.equal(presented, token) {
                found = caller
            }
            return found
        }
    }

    /// A token that is shown counts alone: one that is wrong is not made good by a certificate.
    func caller(of headers: HTTPFields, certificate: () async -> [UInt8]?) async -> Caller? {
        if let header = headers[.authorization] {
            let parts = header.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            if parts.count == 2, parts[0].lowercased() == "bearer" {
                return await lookUp(String(parts[1].drop(while: { $0 == " " })))
            }
        }
        return await certificate().flatMap(owner)
    }
}

/// Comparison whose duration depends on lengths only.
public enum ConstantTime {
    public static func equal(_ left: String, _ right: String) -> Bool {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        var difference: UInt8 = left.count == right.count ? 0 : 1
        for index in left.indices {
            difference |= left[index] ^ (right.isEmpty ? 0 : right[index % right.count])
        }
        return difference == 0
    }
}
