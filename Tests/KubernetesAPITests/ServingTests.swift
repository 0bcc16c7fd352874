import HTTPServing
import Testing

@Suite("Listening")
struct ServingTests {
    @Test(
        "addresses are read as users write them",
        arguments: [
            ("127.0.0.1:6443", "127.0.0.1", 6443), ("[::1]:0", "::1", 0), (":80", "0.0.0.0", 80),
            ("gateway.local:443", "gateway.local", 443),
        ])
    func addresses(text: String, host: String, port: Int) throws {
        #expect(try ListenAddress(parsing: text) == ListenAddress(host: host, port: port))
    }

    @Test("other texts are refused with an example", arguments: ["", "6443", "host", "host:", "host:70000", "::1:80"])
    func badAddresses(text: String) {
        let error = #expect(throws: HTTPServingError.self) { try ListenAddress(parsing: text) }
        #expect(error?.code == .invalidAddress)
        #expect(error?.message.contains("HOST:PORT") == true)
    }

    @Test("tokens are equal only when every byte is")
    func constantTime() {
        #expect(ConstantTime.equal("secret", "secret"))
        #expect(!ConstantTime.equal("secret", "secreT"))
        #expect(!ConstantTime.equal("secret", "secretsecret"))
        #expect(!ConstantTime.equal("secretsecret", "secret"))
        #expect(!ConstantTime.equal("secret", ""))
        #expect(ConstantTime.equal("", ""))
    }
}
