import Testing

@testable import Hub

struct BrokerConfigurationTests {
    private let configuration = BrokerConfiguration(
        listen: ListenAddress(host: "127.0.0.1", port: 8883), directory: "/run/w/broker", authorityPath: "/d/ca.crt",
        user: "mosquitto", maximumConnections: 10, revokedDevices: ["gone"])

    @Test func theSettingsOfTheProtocolStandInTheFile() {
        for line in [
            "require_certificate true", "use_identity_as_username true", "use_username_as_clientid true",
            "allow_anonymous false", "tls_version tlsv1.2", "max_packet_size 163840", "listener 8883 127.0.0.1",
            "max_connections 10", "crlfile /run/w/broker/revoked.pem", "persistence false",
        ] { #expect(configuration.text.split(separator: "\n").contains { $0 == line }, "\(line)") }
    }

    @Test func aRevokedDeviceIsDeniedBeforeThePatterns() throws {
        let lines = configuration.accessText.split(separator: "\n").map(String.init)
        let denied = try #require(lines.firstIndex(of: "topic deny wh/1/d/gone/#"))
        let pattern = try #require(lines.firstIndex(of: "pattern write wh/1/d/%u/up/#"))
        #expect(denied < pattern)
    }

    @Test(arguments: [
        ("mqtts://h", "h", 8883, true), ("mqtt://h", "h", 1883, false), ("mqtts://[::1]:99/", "::1", 99, true),
    ])
    func brokerAddressesAreRead(_ text: String, _ host: String, _ port: Int, _ tls: Bool) throws {
        let url = try BrokerURL(parsing: text)
        #expect((url.host, url.port, url.usesTLS) == (host, port, tls))
    }

    @Test(arguments: ["h:1", "http://h", "mqtt://", "mqtts://h:x", "mqtt://:5"])
    func otherAddressesAreRefused(_ text: String) {
        do {
            _ = try BrokerURL(parsing: text)
            Issue.record("\(text) was taken")
        } catch { #expect(error.code == .invalidOption) }
    }
}
