internal import FleetProtocol
internal import Identity
import JSON
import Linux

/// Makes this device a member of a fleet.
public enum Enrolment {
    public struct JoinResult: Sendable {
        /// The name that the hub gave.
        public let device: String
        public let fleet: String
        /// `host:port` of the hub.
        public let hub: String
    }

    /// Takes the line of `wherry token create`: finds the CA by its fingerprint, sends a signing request, stores the answer.
    ///
    /// The secret goes only to a server whose certificate the pinned CA issued for the address in the line. The identity
    /// appears whole or not at all: it is written beside, synced and renamed.
    ///
    /// - Parameter device: The wished name; nil lets the hub choose.
    public static func join(
        line text: String, dataDirectory: String, device: String?
    ) async throws(LinkError) -> JoinResult {
        let line: EnrolmentLine
        do { line = try EnrolmentLine(parsing: text) } catch {
            throw LinkError(.invalidLine, error.message)
        }
        if let device, !DeviceID.isValid(device) {
            throw LinkError(
                .invalidLine, "\"\(device)\" cannot be a device's name: use 1 to 40 of a-z, 0-9 and '-'")
        }
        let paths = DeviceIdentity.Paths(dataDirectory: dataDirectory)
        guard !Files.exists(paths.directory) else {
            throw LinkError(
                .alreadyEnrolled,
                "\(dataDirectory) is enrolled already; to join another fleet, stop the agent and move \(paths.directory) away"
            )
        }
        let request = try signingRequest(device, paths)
        let client = try await HubClient.connect(line)
        let response = try await client.enrol(
            EnrolmentRequest(secret: line.secret, device: device, csr: request.pem))
        try store(response, hub: line.hub, keyPEM: request.keyPEM, in: paths)
        return JoinResult(device: response.device, fleet: response.fleet, hub: line.hub)
    }

    /// Makes the key and keeps it before the request goes out: when the answer is lost, the same line with the same key gets
    /// it again.
    private static func signingRequest(
        _ device: String?, _ paths: DeviceIdentity.Paths
    ) throws(LinkError) -> SigningRequest {
        let staging = paths.staging
        let name = device ?? "device"
        if let kept = try? Files.read(staging.key, limit: 64 << 10),
            let request = try? SigningRequest.create(commonName: name, keyPEM: String(decoding: kept, as: UTF8.self))
        {
            return request
        }
        do {
            let request = try SigningRequest.create(commonName: name)
            try Files.makeDirectories(staging.directory, mode: 0o700)
            try Files.writeAtomically(Array(request.keyPEM.utf8), to: staging.key, mode: 0o600)
            return request
        } catch {
            throw LinkError(.storage, "cannot make a key in \(staging.directory)", cause: error)
        }
    }

    static func store(
        _ response: EnrolmentResponse, hub: String, keyPEM: String, in paths: DeviceIdentity.Paths
    ) throws(LinkError) {
        do { _ = try DeviceIdentity(response, paths) } catch {
            throw LinkError(.malformed, "the hub's answer to the enrolment cannot be used", cause: error)
        }
        let staging = paths.staging
        do {
            try Files.makeDirectories(staging.directory, mode: 0o700)
            try Files.writeAtomically(Array(keyPEM.utf8), to: staging.key, mode: 0o600)
            try Files.writeAtomically(Array(response.certificate.utf8), to: staging.certificate)
            try Files.writeAtomically(Array(response.caCertificate.utf8), to: staging.authority)
            try Files.writeAtomically(Array((hub + "\n").utf8), to: staging.hub)
            if let other = response.brokerCACertificate {
                try Files.writeAtomically(Array(other.utf8), to: staging.foreignAuthority)
            } else {
                try Files.remove(staging.foreignAuthority)
            }
            try Files.writeAtomically(JSONValue(encoding: response).serialized(pretty: true), to: staging.link)
            guard rename(staging.directory, paths.directory) == 0 else {
                throw SystemError(call: "rename", errno: .last, subject: paths.directory)
            }
            try Files.syncDirectory(paths.parent)
        } catch {
            throw LinkError(.storage, "cannot store the fleet identity in \(paths.directory)", cause: error)
        }
    }
}
