import FleetProtocol
import Identity
import Linux
import Testing

@testable import Hub

struct HubIdentityTests {
    private func refusal(_ body: () throws -> Void) -> HubError? {
        do { try body() } catch { return error as? HubError }
        return nil
    }

    @Test func theKeysAreMadeOnceAndKept() throws {
        let scratch = try Scratch()
        let first = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: false)
        let second = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: true)
        #expect(first.authority.fingerprint == second.authority.fingerprint)
        #expect(first.signer.keyID == second.signer.keyID)
        var facts = stat()
        #expect(stat(scratch.path + "/pki/ca.key", &facts) == 0 && facts.st_mode & 0o777 == 0o600)
    }

    @Test(arguments: ["ca.crt", "ca.key", "signing.key"])
    func aMissingFileIsNamedAndNotMadeAnewWhenDevicesAreKnown(_ name: String) throws {
        let scratch = try Scratch()
        _ = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: false)
        #expect(try Files.remove(scratch.path + "/pki/" + name))
        let error = refusal { _ = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: true) }
        #expect(error?.code == .identity)
        #expect(error?.message.contains(name) == true)
        #expect(!Files.exists(scratch.path + "/pki/" + name))
    }

    @Test(arguments: ["ca.crt", "ca.key", "signing.key"])
    func aDamagedFileIsNamed(_ name: String) throws {
        let scratch = try Scratch()
        _ = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: false)
        try Files.writeAtomically(Array("junk".utf8), to: scratch.path + "/pki/" + name)
        let error = refusal { _ = try HubIdentity.open(directory: scratch.path + "/pki", devicesKnown: true) }
        #expect(error?.message.contains(name) == true)
    }
}
