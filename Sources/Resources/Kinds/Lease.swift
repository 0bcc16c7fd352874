import JSON

extension ResourceType {
    public static let lease = ResourceType(
        group: "coordination.k8s.io", "Lease", "leases")
}

extension Kind {
    /// Who holds a right, and until when.
    static let lease = Kind(
        .lease,
        schema: """
            Lease
              metadata 1 ObjectMeta
              spec 2 LeaseSpec
            LeaseSpec
              holderIdentity 1 string?
              leaseDurationSeconds 2 int32?
              acquireTime 3 microTime?
              renewTime 4 microTime?
              leaseTransitions 5 int32?
              strategy 6 string?
              preferredHolder 7 string?
            """,
        columns: [.name, Column("Holder") { $0.value[path: "spec", "holderIdentity"] ?? "" }, .age],
        rules: { lease, errors in
            if let seconds = lease[path: "spec", "leaseDurationSeconds"]?.intValue, seconds <= 0 {
                errors.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
            }
            errors.notNegative("spec.leaseTransitions", lease[path: "spec", "leaseTransitions"]?.intValue)
        })
}
