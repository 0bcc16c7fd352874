/// The object that owns another one, which is removed with it.
public struct OwnerReference: Codable, Hashable, Sendable {
    /// Group and version of the owner, as `apps/v1`.
    public var apiVersion: String
    /// Kind of the owner.
    public var kind: String
    /// Name of the owner, in the same namespace.
    public var name: String
    /// Unique id of the owner.
    public var uid: String
    /// Whether the owner manages this object; at most one does.
    public var controller: Bool?
    /// Whether foreground deletion of the owner waits for this object.
    public var blockOwnerDeletion: Bool?

    public init(
        apiVersion: String, kind: String, name: String, uid: String, controller: Bool? = nil,
        blockOwnerDeletion: Bool? = nil
    ) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.uid = uid
        self.controller = controller
        self.blockOwnerDeletion = blockOwnerDeletion
    }
}
