internal import FleetProtocol
internal import Identity
internal import Linux
internal import Logging
internal import MQTT

extension FleetHub {
    /// Ends the live session of a device whose certificate was revoked, by taking it over.
    ///
    /// mosquitto looks at the revocation list only when a connection begins. But it ends a session when another connection comes
    /// with the same client id (MQTT 5, 3.1.4-3), which here is the name in the certificate. The device cannot come back: the
    /// signal to read the list again was sent before this connection.
    func endSession(of device: DeviceID) async {
        let files = "\(configuration.runDirectory)/takeover"
        let tls = MQTTConfiguration.TLS(
            authorityFile: identity.authorityPath, certificateFile: "\(files).crt", keyFile: "\(files).key")
        defer { for suffix in ["crt", "key"] { unlink("\(files).\(suffix)") } }
        do {
            let pair = try identity.authority.issueClient(commonName: device.text)
            try Files.writeAtomically(Array(pair.certificatePEM.utf8), to: "\(files).crt", durable: false)
            try Files.writeAtomically(Array(pair.keyPEM.utf8), to: "\(files).key", durable: false)
            var configuration = MQTTConfiguration(
                host: brokerAddress.host, port: brokerAddress.port, clientID: device.text, tls: tls)
            configuration.connectTimeout = .seconds(5)
            await (try MQTTConnection.open(configuration)).disconnect()
        } catch {
            // A broker that is down has no sessions either.
            logger.warning(
                "the session of a revoked device was not ended",
                metadata: ["device": "\(device)", "error": "\(error)"])
        }
    }
}
