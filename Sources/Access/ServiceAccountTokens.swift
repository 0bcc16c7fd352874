public import JSON
public import Linux
public import ResourceStore
internal import Resources

/// Issues and checks the tokens of service accounts: JWTs signed with ES256, with the claims of Kubernetes.
///
/// A token ends with its time, with its account, and with the object it is bound to.
public struct ServiceAccountTokens: Sendable {
    public static let issuer = "https://kubernetes.default.svc"
    /// What a token is for unless its request says otherwise, and what this API takes.
    public static let audience = "https://kubernetes.default.svc"
    private static let kind = "kubernetes.io"

    private let store: Store
    private let keys: TokenKeys
    /// Unix seconds.
    private let now: @Sendable () -> Int64

    /// - Parameter keyFile: the keys' file; made with the first token.
    public init(
        store: Store, keyFile: String, now: @escaping @Sendable () -> Int64 = { WallClock.now().seconds }
    ) throws {
        self.store = store
        self.now = now
        keys = try TokenKeys(path: keyFile)
    }

    // MARK: Issuing

    /// Answers a `TokenRequest`.
    ///
    /// - Returns: the request with its defaults and its status.
    /// - Throws: 404 without the account, 422 for a request that says something impossible, 409 for another object of the name.
    public func issue(_ request: JSONValue, for account: ServiceAccountName) async throws -> JSONValue {
        let key = ResourceKey(type: .serviceAccount, namespace: account.namespace, name: account.name)
        let holder = try await store.get(key)
        var request = request
        let asked = request[path: "spec", "expirationSeconds"]?.intValue ?? 3600
        try check(seconds: asked)
        let seconds = min(Int64(asked), TokenKeys.longestLifetime)
        var audiences = request["spec"]?.strings("audiences") ?? []
        if audiences.isEmpty { audiences = [Self.audience] }

        var claims: JSONValue = [
            "namespace": .string(account.namespace),
            "serviceaccount": ["name": .string(account.name), "uid": .string(holder.uid)],
        ]
        if let reference = request[path: "spec", "boundObjectRef"], !reference.isNull {
            let bound = try await boundObject(reference, account, holder)
            claims[bound.type.singular] = ["name": .string(bound.name), "uid": .string(bound.uid)]
        }
        let start = now()
        let token = try sign([
            "iss": .string(Self.issuer), "sub": .string(account.userName), "aud": .strings(audiences),
            "iat": .integer(start), "nbf": .integer(start), "exp": .integer(start + seconds),
            "jti": .string(Self.makeIdentifier()), Self.kind: claims,
        ])
        request[path: "spec", "audiences"] = .strings(audiences)
        request[path: "spec", "expirationSeconds"] = .integer(seconds)
        request["status"] = [
            "token": .string(token), "expirationTimestamp": .string(Timestamp(seconds: start + seconds).text),
        ]
        request["apiVersion"] = "authentication.k8s.io/v1"
        request["kind"] = "TokenRequest"
        request[path: "metadata", "name"] = .string(account.name)
        request[path: "metadata", "namespace"] = .string(account.namespace)
        return request
    }

    private static func makeIdentifier() -> String {
        var random = SystemRandomNumberGenerator()
        return Base64.encodeURL((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
    }

    private func check(seconds: Int) throws(StatusError) {
        let message: String
        if seconds < 600 {
            message = "may not specify a duration less than 10 minutes"
        } else if seconds > 1 << 32 {
            message = "may not specify a duration larger than 2^32 seconds"
        } else {
            return
        }
        let cause = StatusError.Cause(
            reason: "FieldValueInvalid", message: "Invalid value: \(seconds): \(message)",
            field: "spec.expirationSeconds")
        throw StatusError(
            code: 422, reason: .invalid,
            message: "TokenRequest.authentication.k8s.io \"\" is invalid: \(cause.field): \(cause.message)",
            details: StatusError.Details(group: "authentication.k8s.io", kind: "TokenRequest", causes: [cause]))
    }

    private func boundObject(
        _ reference: JSONValue, _ account: ServiceAccountName, _ holder: Resource
    ) async throws -> Resource {
        let kind = reference["kind"]?.stringValue ?? ""
        let types: [String: ResourceType] = ["Pod": .pod, "Secret": .secret, "Node": .node]
        guard let type = types[kind] else {
            throw StatusError.badRequest(
                "cannot bind token to object of type \(reference["apiVersion"]?.stringValue ?? ""), Kind=\(kind)")
        }
        let key = ResourceKey(
            type: type, namespace: account.namespace, name: reference["name"]?.stringValue ?? "")
        let bound = try await store.get(key)
        if type == .pod {
            let runsAs = bound.value[path: "spec", "serviceAccountName"]?.stringValue ?? "default"
            guard runsAs == account.name else {
                throw StatusError.badRequest(
                    "cannot bind token for serviceaccount \"\(account.name)\" to pod running with different serviceaccount "
                        + "name.")
            }
        }
        if let uid = reference["uid"]?.stringValue, !uid.isEmpty, uid != bound.uid {
            throw StatusError.conflict(
                holder.key,
                "the UID in the bound object reference (\(uid)) does not match the UID in record. The object might have been "
                    + "deleted and then recreated")
        }
        return bound
    }

    private func sign(_ claims: JSONValue) throws -> String {
        let (signed, signature) = try keys.sign(at: now()) { id in
            let header: JSONValue = ["alg": "ES256", "kid": .string(id)]
            return Array(
                "\(Base64.encodeURL(header.serialized())).\(Base64.encodeURL(claims.serialized()))".utf8)
        }
        return "\(String(decoding: signed, as: UTF8.self)).\(Base64.encodeURL(signature))"
    }

    // MARK: Checking

    /// A token that is good, and for which of the audiences that were asked for.
    public struct Holder: Hashable, Sendable {
        public let user: User
        public let audiences: [String]
    }

    /// Longer texts are no tokens of ours.
    private static let longest = 16 << 10

    /// The account that a token stands for; nil for one that is not ours, was changed, has run out, or whose account or bound object
    /// is gone.
    public func holder(of token: String, audiences wanted: [String] = [audience]) async throws -> Holder? {
        guard let claims = verified(token), claims["iss"]?.stringValue == Self.issuer,
            let end = claims["exp"]?.intValue, let start = claims["nbf"]?.intValue,
            let account = claims["sub"]?.stringValue.flatMap(ServiceAccountName.init(userName:))
        else { return nil }
        let audiences = claims.strings("aud").filter(wanted.contains)
        let now = now()
        guard !audiences.isEmpty, now < end, now >= start - 60 else { return nil }
        let own = claims[Self.kind]
        let key = ResourceKey(type: .serviceAccount, namespace: account.namespace, name: account.name)
        guard let uid = own?[path: "serviceaccount", "uid"]?.stringValue, try await store.find(key)?.uid == uid else {
            return nil
        }
        var user = User(name: account.userName, uid: uid, groups: account.groups)
        for type in [ResourceType.pod, .secret, .node] {
            guard let bound = own?[type.singular] else { continue }
            let name = bound["name"]?.stringValue ?? ""
            let key = ResourceKey(type: type, namespace: account.namespace, name: name)
            guard let uid = bound["uid"]?.stringValue, try await store.find(key)?.uid == uid else { return nil }
            guard type != .secret else { continue }
            user.extra["authentication.kubernetes.io/\(type.singular)-name"] = [name]
            user.extra["authentication.kubernetes.io/\(type.singular)-uid"] = [uid]
        }
        if let id = claims["jti"]?.stringValue {
            user.extra["authentication.kubernetes.io/credential-id"] = ["JTI=\(id)"]
        }
        return Holder(user: user, audiences: audiences)
    }

    private func verified(_ token: String) -> JSONValue? {
        guard token.utf8.count <= Self.longest else { return nil }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64.decodeURL(parts[0]).flatMap({ try? JSONValue(parsing: $0) }),
            header["alg"] == "ES256", let id = header["kid"]?.stringValue,
            let signature = Base64.decodeURL(parts[2]),
            keys.verify(signature, of: Array("\(parts[0]).\(parts[1])".utf8), keyID: id)
        else { return nil }
        return Base64.decodeURL(parts[1]).flatMap { try? JSONValue(parsing: $0) }
    }

    // MARK: Discovery

    /// The public keys, for others who check tokens.
    public var webKeys: JSONValue { keys.webKeys }

    public var issuerDocument: JSONValue {
        [
            "issuer": .string(Self.issuer), "jwks_uri": .string("\(Self.issuer)/openid/v1/jwks"),
            "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        ]
    }
}
