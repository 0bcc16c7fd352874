internal import ResourceStore
internal import SQLite

extension FleetHub {
    /// The enrolled device whose certificate has this serial number, in lower-case hex; nil for revoked and unknown ones.
    public func device(certificateSerial serial: String) async throws -> String? {
        try await store.withDatabase {
            try $0.first("SELECT device FROM fleet_devices WHERE serial = ?", [.text(serial)]) { $0.text(0) }
        }
    }
}
