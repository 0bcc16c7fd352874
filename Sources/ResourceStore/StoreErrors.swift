internal import Resources
internal import SQLite

extension StatusError {
    static func precondition(_ key: ResourceKey, _ field: String, wanted: String, found: String) -> StatusError {
        .conflict(key, "Precondition failed: \(field) in precondition: \(wanted), \(field) in object meta: \(found)")
    }

    static func namespaceTerminating(_ key: ResourceKey, _ namespace: String) -> StatusError {
        .forbidden(key, "unable to create new content in namespace \(namespace) because it is being terminated")
    }

    static func undeletable(_ key: ResourceKey) -> StatusError {
        .forbidden(key, "this namespace may not be deleted")
    }

    static func orphansOnDevices(_ key: ResourceKey) -> StatusError {
        .invalid(
            key.type, name: key.name,
            causes: [
                Cause(
                    reason: "FieldValueNotSupported",
                    message: "Unsupported value: \"Orphan\": the pods of a hub's Deployment are on devices, which end "
                        + "them with it; use Background or Foreground",
                    field: "propagationPolicy")
            ])
    }

    static func nameRequired(_ type: ResourceType) -> StatusError {
        .invalid(
            type, name: "",
            causes: [
                Cause(
                    reason: "FieldValueRequired", message: "Required value: name or generateName is required",
                    field: "metadata.name")
            ])
    }

    static func watchOverflow(limit: Int) -> StatusError {
        .expired("the watch fell more than \(limit) events behind; list again and watch from there")
    }

    static func undecodable(_ key: ResourceKey, _ cause: any Error) -> StatusError {
        .internalError("stored \(key.type.qualifiedName) \"\(key.name)\" cannot be read: \(cause)")
    }

    /// What a client sees of a database failure. A full disk leaves the store as it was.
    static func storage(_ error: SQLiteError) -> StatusError {
        switch error.code {
        case .full:
            StatusError(
                code: 507, reason: .internalError,
                message: "nothing was changed: the disk of the data directory is full; free space and try again "
                    + "(\(error.message))")
        case .busy:
            .serviceUnavailable("the database is locked by another process; try again (\(error.message))")
        default: .internalError("the object store failed: \(error.message)")
        }
    }
}
