import Testing

@testable import Hub

struct BrokerConfigurationTests {
    private let configuration = BrokerConfiguration(
        listen: ListenAddress(host: "127.0.0.1", port: 8883), directory: "/run/w/broker",
        account: BrokerAccount(name: "mosquitto", group: 106), maximumConnections: 10, revokedDevices: ["gone"])

    @Test func theSettingsOfTheProtocolStandInTheFile() {
        for line in [
            "require_certificate true", "use_identity_as_username true", "use_username_as_clientid true",
            "allow_anonymous false", "tls_version tlsv1.2", "max_packet_size 163840", "listener 8883 127.0.0.1",
            "max_connections 10", "crlfile revoked.pem", "persistence false", "user mosquitto",
        ] { #expect(configuration.text.split(separator: "\n").contains { $0 == line }, "\(line)") }
    }

    @Test func theBrokersAccountIsTheFirstThatExists() {
        let accounts = Array("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:::\nmosquitto:x:103:106:::\n".utf8)
        #expect(
            BrokerAccount.find(["mosquitto", "nobody"], in: accounts) == BrokerAccount(name: "mosquitto", group: 106))
        #expect(BrokerAccount.find(["other", "nobody"], in: accounts)?.group == 65533)
        #expect(BrokerAccount.find(["mosquitto"], in: Array("mosquitto\n".utf8)) == nil)
        #expect(BrokerAccount.unprivileged(port: 883) == nil, "mosquitto could not open it")
    }

    @Test func aRevokedDeviceIsDeniedBeforeThePatterns() throws {
        let lines = configuration.accessText.split(separator: "\n").map(String.init)
        let denied = try #require(lines.firstIndex(of: "topic deny wh/1/d/gone/#"))
        let pattern = try #require(lines.firstIndex(of: "pattern write wh/1/d/%u/up/#"))
        #expect(denied < pattern)
    }

    @Test(arguments: [
        ("mqtts://h", "h", 8883), ("mqtts://h:1", "h", 1), ("mqtts://[::1]:99/", "::1", 99),
        ("mqtts://[::1]", "::1", 8883),
    ])
    func brokerAddressesAreRead(_ text: String, _ host: String, _ port: Int) throws {
        let url = try BrokerURL(parsing: text)
        #expect((url.host, url.port) == (host, port))
    }

    @Test(arguments: [
        "h:1", "http://h", "mqtt://h", "mqtts://", "mqtts://h:x", "mqtts://:5", "mqtts://::1:5", "mqtts://fe80::1",
        "mqtts://h/topic:1", "mqtts://user@h", "mqtts://h i", "mqtts://[h]:1", "mqtts://[::1", "mqtts://h:70000",
    ])
    func otherAddressesAreRefused(_ text: String) {
        do {
            _ = try BrokerURL(parsing: text)
            Issue.record("\(text) was taken")
        } catch { #expect(error.code == .invalidOption) }
    }
}
