public import FleetProtocol
import JSON
import Linux

/// What `wherry join` left under `<data>/identity`: who this device is, and whom it trusts.
public struct DeviceIdentity: Sendable {
    public let device: DeviceID
    public let fleet: String
    /// `host:port` of each broker.
    public let brokers: [String]
    public let trust: TrustedRoot
    /// The key id of the hub's signing key: floors belong to it.
    public let keyID: String
    /// Server time at enrolment, Unix seconds: a floor of the real time.
    public let enrolledAt: Int64
    let paths: Paths

    struct Paths: Sendable {
        let parent: String
        let directory: String

        init(dataDirectory: String) { self.init(parent: dataDirectory, directory: dataDirectory + "/identity") }

        private init(parent: String, directory: String) {
            self.parent = parent
            self.directory = directory
        }

        /// Where an identity is put together before it gets its name.
        var staging: Paths { Paths(parent: parent, directory: directory + ".new") }
        var key: String { directory + "/key.pem" }
        var certificate: String { directory + "/certificate.pem" }
        var authority: String { directory + "/ca.pem" }
        /// Of a broker that has another authority than the fleet.
        var foreignAuthority: String { directory + "/broker-ca.pem" }
        var link: String { directory + "/link.json" }
        /// `host:port` of the hub, as the join line has it.
        var hub: String { directory + "/hub" }
        /// The second copy of the rollback floor.
        var floor: String { directory + "/floor.json" }
    }

    /// Whom the broker's certificate must come from.
    var brokerAuthority: String { Files.exists(paths.foreignAuthority) ? paths.foreignAuthority : paths.authority }

    /// The hub's address, by which images in its registry are named; nil when the device joined before it was kept.
    public var hub: String? {
        guard let bytes = try? Files.read(paths.hub, limit: 1024) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        return EnrolmentLine.split(text) == nil ? nil : text
    }

    /// What this device shows to its hub, and what it expects of it: PEM files of certificate, key and authority.
    public var credentials: (certificate: String, key: String, authority: String) {
        (paths.certificate, paths.key, paths.authority)
    }

    public static func isPresent(in dataDirectory: String) -> Bool {
        Files.exists(Paths(dataDirectory: dataDirectory).link)
    }

    /// Throws `malformed` with what to do when the directory is damaged; nothing is deleted.
    public static func load(from dataDirectory: String) throws(LinkError) -> DeviceIdentity {
        let paths = Paths(dataDirectory: dataDirectory)
        do {
            let response: EnrolmentResponse = try JSONValue(parsing: Files.read(paths.link, limit: 256 << 10)).decode()
            return try DeviceIdentity(response, paths)
        } catch {
            throw LinkError(
                .malformed,
                "the fleet identity in \(paths.directory) cannot be read; restore it, or move it away and join again",
                cause: error)
        }
    }

    init(_ response: EnrolmentResponse, _ paths: Paths) throws {
        device = try DeviceID(response.device)
        fleet = response.fleet
        brokers = response.brokers
        trust = try response.trustedRoot()
        keyID = response.keyID
        enrolledAt = response.serverTime / 1000
        self.paths = paths
        guard !brokers.isEmpty, brokers.allSatisfy({ EnrolmentLine.split($0) != nil }) else {
            throw LinkError(.malformed, "the hub named no broker as host:port")
        }
    }
}
