internal import FleetProtocol
internal import JSON
internal import SQLite

/// What the hub has committed of one device.
struct DeviceRecord: Sendable, Hashable {
    let device: DeviceID
    /// The desired state's number; number 0 before the first document.
    var revision: Revision
    var digest: ContentDigest?
    var document: [UInt8]
    /// The signed head, as it goes out.
    var head: [UInt8]
    /// The newest revision that the device acknowledged, and how far it got with it.
    var acked: Revision
    var ackedLevel: Ack.Level?
    var ackCode: String?
    var ackMessage: String?
    /// The newest connection epoch.
    var epoch: Int64
    /// Events up to and with this sequence are committed.
    var eventsUpTo: Int64
    let serial: String
    let publicKey: String
    let certificate: String
    let enrolled: Int64

    init(device: DeviceID, serial: String, publicKey: String, certificate: String, enrolled: Int64) {
        self.device = device
        revision = Revision(generation: 1, number: 0)
        digest = nil
        (document, head) = ([], [])
        acked = Revision(generation: 0, number: 0)
        (epoch, eventsUpTo) = (0, 0)
        (self.serial, self.publicKey, self.certificate, self.enrolled) = (serial, publicKey, certificate, enrolled)
    }

    /// Whether the device has the present revision, or refused it.
    var isAcknowledged: Bool { acked == revision && ackedLevel != nil }

    var floor: RevisionFloor? { digest.map { RevisionFloor(revision: revision, digest: $0) } }
}

extension DeviceRecord {
    private static let columns =
        "device, generation, revision, digest, document, head, acked_generation, acked_revision, acked_level, ack_code, "
        + "ack_message, epoch, events, serial, public_key, certificate, enrolled"

    static func all(_ connection: Connection) throws -> [DeviceRecord] {
        try connection.query("SELECT \(columns) FROM fleet_devices", []) { try DeviceRecord($0) }
    }

    static func find(_ device: DeviceID, _ connection: Connection) throws -> DeviceRecord? {
        try connection.first("SELECT \(columns) FROM fleet_devices WHERE device = ?", [.text(device.text)]) {
            try DeviceRecord($0)
        }
    }

    private init(_ row: Row) throws {
        self.init(
            device: try DeviceID(row.text(0)), serial: row.text(13), publicKey: row.text(14), certificate: row.text(15),
            enrolled: row.integer(16))
        revision = Revision(generation: row.integer(1), number: row.integer(2))
        digest = row.optionalText(3).flatMap { ContentDigest($0) }
        (document, head) = (row.bytes(4), row.bytes(5))
        acked = Revision(generation: row.integer(6), number: row.integer(7))
        ackedLevel = row.optionalText(8).flatMap { Ack.Level(rawValue: $0) }
        (ackCode, ackMessage) = (row.optionalText(9), row.optionalText(10))
        (epoch, eventsUpTo) = (row.integer(11), row.integer(12))
    }

    func insert(_ connection: Connection) throws {
        try connection.execute(
            "INSERT INTO fleet_devices (device, serial, public_key, certificate, enrolled) VALUES (?, ?, ?, ?, ?)",
            [.text(device.text), .text(serial), .text(publicKey), .text(certificate), .integer(enrolled)])
    }

    /// The desired state alone: written before anything of it is sent.
    func saveDesired(_ connection: Connection) throws {
        try connection.execute(
            "UPDATE fleet_devices SET generation = ?, revision = ?, digest = ?, document = ?, head = ? WHERE device = ?",
            [
                .integer(revision.generation), .integer(revision.number), .text(orNull: digest?.text), .blob(document),
                .blob(head), .text(device.text),
            ])
    }

    /// What was heard of the device.
    func saveContact(_ connection: Connection) throws {
        try connection.execute(
            """
            UPDATE fleet_devices SET acked_generation = ?, acked_revision = ?, acked_level = ?, ack_code = ?,
            ack_message = ?, epoch = ?, events = ? WHERE device = ?
            """,
            [
                .integer(acked.generation), .integer(acked.number), .text(orNull: ackedLevel?.rawValue),
                .text(orNull: ackCode), .text(orNull: ackMessage), .integer(epoch), .integer(eventsUpTo),
                .text(device.text),
            ])
    }

    /// Forgets the device; its certificate goes onto the revocation list.
    func remove(at now: Int64, _ connection: Connection) throws {
        try connection.execute(
            "INSERT OR IGNORE INTO fleet_revoked (serial, device, revoked) VALUES (?, ?, ?)",
            [.text(serial), .text(device.text), .integer(now)])
        try connection.execute("DELETE FROM fleet_reported WHERE device = ?", [.text(device.text)])
        try connection.execute("DELETE FROM fleet_devices WHERE device = ?", [.text(device.text)])
    }
}

/// Small facts that outlive the process.
enum FleetSettings {
    static func value(_ key: String, _ connection: Connection) throws -> String? {
        try connection.first("SELECT value FROM fleet_settings WHERE key = ?", [.text(key)]) { $0.text(0) }
    }

    static func set(_ key: String, _ value: String, _ connection: Connection) throws {
        try connection.execute(
            "INSERT INTO fleet_settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [.text(key), .text(value)])
    }
}
