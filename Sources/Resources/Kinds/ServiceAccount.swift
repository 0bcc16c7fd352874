import JSON

extension ResourceType {
    public static let serviceAccount = ResourceType("ServiceAccount", "serviceaccounts", ["sa"])
}

extension Kind {
    /// An identity for what runs in pods.
    static let serviceAccount = Kind(
        .serviceAccount,
        schema: """
            ServiceAccount
              metadata 1 ObjectMeta
              secrets 2 [ObjectReference] merge=name map=name
              imagePullSecrets 3 [LocalObjectReference] atomic
              automountServiceAccountToken 4 bool?
            """,
        columns: [.name, Column("Secrets", "integer") { .integer(Int64($0.value.list("secrets").count)) }, .age])
}
