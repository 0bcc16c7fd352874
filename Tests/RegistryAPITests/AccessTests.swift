import Linux
import Testing

@testable import Images

struct AccessTests {
    private let app: AccessScope
    private let push: AccessScope
    private let foreign: AccessScope

    init() throws {
        app = AccessScope([.pull], of: try RepositoryName(parsing: "team/app"))
        push = AccessScope([.pull, .push], of: try RepositoryName(parsing: "team/app"))
        foreign = AccessScope([.pull], of: try RepositoryName(parsing: "other/app"))
    }

    private func access(
        _ fixture: StoreFixture, _ store: RegistryStore, anonymous: Bool = false
    ) async throws -> RegistryAccess {
        try await RegistryAccess(
            store: store, allowsAnonymousPull: anonymous, isAdministrator: { $0 == "kube" },
            device: { $0 == "0a" ? "dev1" : nil }, now: { fixture.clock.now })
    }

    private func verdict(_ access: RegistryAccess, _ caller: RegistryCaller, _ scope: AccessScope) async -> ImageError
        .Code?
    {
        await code { try await access.authorize(caller, scope) }
    }

    @Test func everyoneHasTheirOwnRights() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let access = try await access(fixture, store)
            let reader = try await store.addAccount(
                RegistryAccount(name: "reader", repositories: ["team/*"], mayPush: false))
            let writer = try await store.addAccount(
                RegistryAccount(name: "writer", repositories: ["team/*"], mayPush: true))

            let reading = try await access.caller(name: "reader", password: reader, from: "192.0.2.1")
            #expect(await verdict(access, reading, app) == nil)
            #expect(await verdict(access, reading, push) == .denied)
            #expect(await verdict(access, reading, foreign) == .denied)
            let writing = try await access.caller(name: "writer", password: writer, from: "192.0.2.1")
            #expect(await verdict(access, writing, push) == nil)
            #expect(await verdict(access, writing, foreign) == .denied)
            let device = try #require(await access.caller(certificateSerial: "0a"))
            #expect(await verdict(access, device, foreign) == nil)
            #expect(await verdict(access, device, push) == .denied)
            #expect(await verdict(access, device, .catalog) == .denied)
            #expect(await access.caller(certificateSerial: "0b") == nil)
            let admin = try await access.caller(name: "admin", password: "kube", from: "192.0.2.1")
            #expect(await verdict(access, admin, push) == nil)
            #expect(await verdict(access, .anonymous, app) == .unauthorized)
        }
    }

    @Test func strangersPullWhenTheHubSaysSo() async throws {
        try await StoreFixture.run { fixture in
            let access = try await access(fixture, try fixture.open(), anonymous: true)
            #expect(await verdict(access, .anonymous, app) == nil)
            #expect(await verdict(access, .anonymous, push) == .unauthorized)
            #expect(await verdict(access, .anonymous, .catalog) == .unauthorized)
        }
    }

    @Test func aTokenHoldsWhatWasGrantedAndRunsOut() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let access = try await access(fixture, store)
            let password = try await store.addAccount(
                RegistryAccount(name: "ci", repositories: ["team/app"], mayPush: false))
            let login = try await access.caller(name: "ci", password: password, from: nil)
            let token = await access.token(for: login, scopes: [push]).token
            let caller = try #require(access.caller(token: token))
            #expect(await verdict(access, caller, app) == nil)
            #expect(await verdict(access, caller, push) == .denied)  // asked for and not granted
            #expect(await verdict(access, caller, foreign) == .unauthorized)  // never asked for: ask again
            fixture.clock.advance(by: .seconds(299))
            #expect(access.caller(token: token) != nil)
            fixture.clock.advance(by: .seconds(2))
            #expect(access.caller(token: token) == nil)
        }
    }

    @Test func aTokenThatWasChangedIsNone() async throws {
        try await StoreFixture.run { fixture in
            let access = try await access(fixture, try fixture.open())
            let token = await access.token(for: .administrator, scopes: [push]).token
            #expect(access.caller(token: token) != nil)
            for place in [0, 10, token.utf8.count - 3] {
                var bytes = Array(token.utf8)
                bytes[place] = bytes[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
                #expect(access.caller(token: String(decoding: bytes, as: UTF8.self)) == nil)
            }
            for text in ["", ".", "a.b", "a.b.c", String(repeating: "x", count: 5000)] {
                #expect(access.caller(token: text) == nil)
            }
        }
    }

    @Test func wrongPasswordsHaveAPace() async throws {
        try await StoreFixture.run { fixture in
            let access = try await access(fixture, try fixture.open())
            let guess = { (address: String?) in
                await code { _ = try await access.caller(name: "x", password: "y", from: address) }
            }
            for _ in 0..<10 { #expect(await guess("192.0.2.1") == .unauthorized) }
            #expect(await guess("192.0.2.1") == .tooManyRequests)
            #expect(await guess("192.0.2.2") == .unauthorized)
            fixture.clock.advance(by: .seconds(7))
            #expect(await guess("192.0.2.1") == .unauthorized)
            #expect(await guess("192.0.2.1") == .tooManyRequests)
            for _ in 0..<20 { #expect(await guess(nil) == .unauthorized) }
            // One IPv6 network is one stranger.
            for last in 0..<10 { #expect(await guess("2001:db8::\(last)") == .unauthorized) }
            #expect(await guess("2001:db8::ffff") == .tooManyRequests)
        }
    }

    @Test(arguments: [
        ("*", "a/b", true), ("team/*", "team/a", true), ("team/*", "team/a/b", true), ("team/*", "teams/a", false),
        ("team/*", "team", false), ("*/app", "team/app", true), ("a*b*c", "axxbxxc", true), ("a*b*c", "axxbxx", false),
        ("team/app", "team/app", true), ("team/app", "team/app2", false), ("", "a", false),
    ])
    func patterns(pattern: String, name: String, fits: Bool) {
        #expect(RegistryAccount.matches(Array(pattern.utf8)[...], Array(name.utf8)[...]) == fits)
    }

    @Test func accountsAreKeptAsHashesAndReplaced() async throws {
        try await StoreFixture.run { fixture in
            let store = try fixture.open()
            let account = RegistryAccount(name: "ci", repositories: ["b", "a"], mayPush: true)
            let first = try await store.addAccount(account)
            let second = try await store.addAccount(account)
            #expect(first != second && first.utf8.count == 32)
            #expect(try await store.account("ci", password: first) == nil)
            #expect(try await store.account("ci", password: second)?.repositories == ["a", "b"])
            await store.close()
            let bytes = try Files.read(fixture.directory + "/registry.db")
            #expect(!String(decoding: bytes, as: UTF8.self).contains(second))
            let again = try fixture.open()
            #expect(try await again.removeAccount("ci"))
            #expect(try await !again.removeAccount("ci"))
            for name in ["", "admin", "A", "a b", String(repeating: "a", count: 41)] {
                let bad = RegistryAccount(name: name, repositories: ["*"], mayPush: false)
                #expect(await code { _ = try await again.addAccount(bad) } == .invalidName)
            }
        }
    }

    @Test func scopesAreRead() {
        #expect(AccessScope(parsing: "repository:a/b:push,pull")?.actions == ["pull", "push"])
        #expect(AccessScope(parsing: "repository:host:5000/a:pull")?.name == "host:5000/a")
        #expect(AccessScope(parsing: "registry:catalog:*") == .catalog)
        for text in ["", "a", "a:b", "::", "a::b"] { #expect(AccessScope(parsing: text) == nil, "\(text)") }
    }
}
