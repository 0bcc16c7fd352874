internal import JSON
public import ResourceStore

/// Who may do what on one daemon: its roles, and the tokens of its service accounts.
public struct AccessControl: Sendable {
    public let authorizer: RoleAuthorizer
    public let tokens: ServiceAccountTokens

    /// - Parameter directory: where the keys of the tokens are kept.
    public init(store: Store, directory: String) throws {
        authorizer = RoleAuthorizer(store: store)
        tokens = try ServiceAccountTokens(store: store, keyFile: "\(directory)/service-account-keys.json")
    }
}
