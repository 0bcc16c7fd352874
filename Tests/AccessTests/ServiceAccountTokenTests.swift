import JSON
import Linux
import ResourceStore
import Resources
import Synchronization
import Testing

@testable import Access

struct ServiceAccountTokenTests {
    private final class Clock: Sendable {
        private let value: Mutex<Int64>
        init(_ start: Int64) { value = Mutex(start) }
        var now: Int64 { value.withLock { $0 } }
        func advance(_ seconds: Int64) { value.withLock { $0 += seconds } }
    }

    private static let robot = ServiceAccountName(namespace: "default", name: "robot")
    private static let key = ResourceKey(type: .serviceAccount, namespace: "default", name: "robot")

    private func run(_ body: (Scene, ServiceAccountTokens, Clock) async throws -> Void) async throws {
        try await Scene.run { scene in
            _ = try await scene.store.create(Scene.object(.serviceAccount, "robot", in: "default"))
            let clock = Clock(1_800_000_000)
            let tokens = try ServiceAccountTokens(
                store: scene.store, keyFile: scene.directory + "/keys", now: { clock.now })
            try await body(scene, tokens, clock)
        }
    }

    private func issue(_ tokens: ServiceAccountTokens, _ spec: JSONValue = [:]) async throws -> String {
        let answer = try await tokens.issue(["spec": spec], for: Self.robot)
        return try #require(answer[path: "status", "token"]?.stringValue)
    }

    private func fault(_ tokens: ServiceAccountTokens, _ spec: JSONValue) async -> StatusError? {
        do {
            _ = try await tokens.issue(["spec": spec], for: Self.robot)
            return nil
        } catch { return error as? StatusError }
    }

    @Test func standsForItsAccountUntilItRunsOut() async throws {
        try await run { _, tokens, clock in
            let token = try await issue(tokens, ["expirationSeconds": 600])
            let holder = try #require(try await tokens.holder(of: token))
            #expect(holder.user.name == "system:serviceaccount:default:robot")
            #expect(holder.user.groups.contains("system:serviceaccounts:default"))
            clock.advance(599)
            #expect(try await tokens.holder(of: token) != nil)
            clock.advance(1)
            #expect(try await tokens.holder(of: token) == nil)
        }
    }

    @Test func everyChangedByteIsRefused() async throws {
        try await run { _, tokens, _ in
            let token = Array(try await issue(tokens).utf8)
            for index in token.indices {
                var changed = token
                changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
                #expect(
                    try await tokens.holder(of: String(decoding: changed, as: UTF8.self)) == nil, "byte \(index)")
            }
            for text in ["", ".", "..", "a.b.c", String(repeating: "x", count: 20_000)] {
                #expect(try await tokens.holder(of: text) == nil)
            }
        }
    }

    /// `alg: none` and foreign algorithms are the classic forgeries.
    @Test func aTokenWithoutOurSignatureIsRefused() async throws {
        try await run { _, tokens, _ in
            let parts = try await issue(tokens).split(separator: ".").map(String.init)
            for header: JSONValue in [["alg": "none"], ["alg": "HS256", "kid": "x"], ["alg": "ES256", "kid": "x"]] {
                let text = Base64.encodeURL(header.serialized())
                #expect(try await tokens.holder(of: "\(text).\(parts[1]).") == nil)
                #expect(try await tokens.holder(of: "\(text).\(parts[1]).\(parts[2])") == nil)
            }
        }
    }

    @Test func aTokenOfAnotherClusterIsRefused() async throws {
        try await run { scene, tokens, clock in
            let other = try ServiceAccountTokens(
                store: scene.store, keyFile: scene.directory + "/other-keys", now: { clock.now })
            _ = try await issue(tokens)
            #expect(try await tokens.holder(of: try await issue(other)) == nil)
        }
    }

    @Test func endsWithItsAccountThoughOneOfThatNameComesBack() async throws {
        try await run { scene, tokens, _ in
            let token = try await issue(tokens)
            _ = try await scene.store.delete(Self.key)
            #expect(try await tokens.holder(of: token) == nil)
            _ = try await scene.store.create(Scene.object(.serviceAccount, "robot", in: "default"))
            #expect(try await tokens.holder(of: token) == nil)
        }
    }

    @Test func endsWithThePodItIsBoundTo() async throws {
        try await run { scene, tokens, _ in
            let pod = try await scene.store.create(
                Scene.object(.pod, "p", in: "default", ["spec": ["serviceAccountName": "robot"]]))
            let token = try await issue(
                tokens, ["boundObjectRef": ["kind": "Pod", "apiVersion": "v1", "name": "p", "uid": .string(pod.uid)]])
            let holder = try #require(try await tokens.holder(of: token))
            #expect(holder.user.extra["authentication.kubernetes.io/pod-name"] == ["p"])
            _ = try await scene.store.delete(pod.key, DeleteOptions(gracePeriodSeconds: 0))
            #expect(try await tokens.holder(of: token) == nil)
        }
    }

    @Test func isBoundToNothingElse() async throws {
        try await run { scene, tokens, _ in
            _ = try await scene.store.create(
                Scene.object(.pod, "p", in: "default", ["spec": ["serviceAccountName": "somebody"]]))
            let reference: JSONValue = ["kind": "Pod", "apiVersion": "v1", "name": "p"]
            #expect(await fault(tokens, ["boundObjectRef": reference])?.code == 400)
            #expect(await fault(tokens, ["boundObjectRef": ["kind": "ConfigMap", "name": "p"]])?.code == 400)
            #expect(await fault(tokens, ["boundObjectRef": ["kind": "Pod", "name": "none"]])?.code == 404)
        }
    }

    @Test func itsTimeHasLimits() async throws {
        try await run { _, tokens, clock in
            #expect(
                await fault(tokens, ["expirationSeconds": 599])?.message
                    == "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 599: may not "
                    + "specify a duration less than 10 minutes")
            // Longer than any key verifies: it is given, but shorter.
            let token = try await issue(tokens, ["expirationSeconds": 100_000_000])
            clock.advance(TokenKeys.longestLifetime - 1)
            #expect(try await tokens.holder(of: token) != nil)
            clock.advance(1)
            #expect(try await tokens.holder(of: token) == nil)
        }
    }

    @Test func isGoodForItsAudienceOnly() async throws {
        try await run { _, tokens, _ in
            let token = try await issue(tokens, ["audiences": ["vault"]])
            #expect(try await tokens.holder(of: token) == nil)
            #expect(try await tokens.holder(of: token, audiences: ["vault", "x"])?.audiences == ["vault"])
        }
    }

    @Test func keysChangeAndTheOldOnesVerifyForAWhile() async throws {
        try await run { scene, tokens, clock in
            let first = try await issue(tokens, ["expirationSeconds": .integer(TokenKeys.longestLifetime)])
            clock.advance(TokenKeys.longestLifetime - 10)
            let middle = try await issue(tokens, ["expirationSeconds": .integer(TokenKeys.longestLifetime)])
            clock.advance(10)
            let last = try await issue(tokens)
            #expect(tokens.webKeys["keys"]?.arrayValue?.count == 2)
            #expect(try await tokens.holder(of: first) == nil)
            #expect(try await tokens.holder(of: middle) != nil)
            #expect(try await tokens.holder(of: last) != nil)
            // A restart knows both keys.
            let again = try ServiceAccountTokens(
                store: scene.store, keyFile: scene.directory + "/keys", now: { clock.now })
            #expect(try await again.holder(of: middle) != nil)
        }
    }

    @Test func aKeyThatCannotBeReplacedSignsOn() async throws {
        try await run { scene, _, clock in
            let folder = scene.directory + "/gone"
            try Files.makeDirectories(folder)
            let tokens = try ServiceAccountTokens(
                store: scene.store, keyFile: folder + "/keys", now: { clock.now })
            _ = try await issue(tokens)
            // As a full disk: the new file cannot be made.
            try Files.removeTree(folder)
            clock.advance(TokenKeys.longestLifetime)
            let token = try await issue(tokens)
            #expect(try await tokens.holder(of: token) != nil)
            #expect(tokens.webKeys["keys"]?.arrayValue?.count == 1)
            try Files.makeDirectories(folder)
            _ = try await issue(tokens)
            #expect(tokens.webKeys["keys"]?.arrayValue?.count == 2)
            #expect(try await tokens.holder(of: token) != nil)
        }
    }

    @Test func withoutAnyKeyThereIsNoToken() async throws {
        try await run { scene, _, clock in
            let tokens = try ServiceAccountTokens(
                store: scene.store, keyFile: scene.directory + "/nowhere/keys", now: { clock.now })
            await #expect(throws: SystemError.self) { try await tokens.issue(["spec": [:]], for: Self.robot) }
        }
    }

    @Test func aDamagedKeyFileIsNamed() async throws {
        try await run { scene, _, _ in
            let path = scene.directory + "/broken"
            try Files.writeAtomically(Array("{\"keys\":[{\"key\":\"x\"}]}".utf8), to: path)
            let error = #expect(throws: AccessError.self) {
                try ServiceAccountTokens(store: scene.store, keyFile: path)
            }
            #expect(error?.code == .unreadableKeys)
            #expect(error?.message.contains(path) == true)
        }
    }
}
