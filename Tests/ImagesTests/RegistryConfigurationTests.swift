import JSON
import NIOHTTP1
import OCI
import Testing

@testable import Images

struct RegistryConfigurationTests {
    func parse(_ text: String) throws -> RegistryConfiguration {
        try RegistryConfiguration(try JSONValue(parsing: Array(text.utf8)))
    }

    @Test func readsWhatK3sReads() throws {
        let configuration = try parse(
            """
            {"mirrors": {"docker.io": {"endpoint": ["https://mirror.example:5000", "other.example"],
                                       "rewrite": {"^library/(.*)": "hub/$1"}}, "*": {"endpoint": ["http://cache"]}},
             "configs": {"mirror.example:5000": {"auth": {"username": "u", "password": "p"},
                         "tls": {"ca_file": "/ca", "cert_file": "/c", "key_file": "/k", "insecure_skip_verify": true}},
                         "docker.io": {"auth": {"auth": "YTpiOmM="}}},
             "limits": {"bytesPerSecond": "64k", "bytesPerDay": "50Mi", "bytesPerMonth": 1000000, "parallelLayers": 2}}
            """)
        let reference = try ImageReference(parsing: "alpine:3")
        let endpoints = RegistryEndpoint.all(for: reference, configuration, credentials: nil, insecure: nil)
        #expect(endpoints.map(\.authority) == ["mirror.example:5000", "other.example", "registry-1.docker.io"])
        #expect(endpoints.map(\.repository) == ["hub/alpine", "hub/alpine", "library/alpine"])
        #expect(endpoints.map(\.namespace) == ["docker.io", "docker.io", nil])
        #expect(endpoints[0].credentials == RegistryCredentials(username: "u", password: "p"))
        #expect(endpoints[0].trust.keyFile == "/k" && endpoints[0].trust.acceptsAnyCertificate)
        #expect(endpoints[1].credentials == nil)
        #expect(endpoints[2].credentials == RegistryCredentials(username: "a", password: "b:c"))
        #expect(configuration.limits.bytesPerSecond == 64_000 && configuration.limits.bytesPerDay == 50 << 20)
        #expect(configuration.limits.layersAtOnce == 2)
        let other = RegistryEndpoint.all(
            for: try ImageReference(parsing: "ghcr.io/a/b"), configuration, credentials: nil, insecure: nil)
        #expect(other.map(\.authority) == ["cache", "ghcr.io"] && other.map(\.scheme) == [.http, .either])
        #expect(other.map(\.basePath) == ["/v2", "/v2"])
    }

    @Test func aLoginOfThePullComesBeforeTheConfigured() throws {
        let configuration = try parse(#"{"configs": {"r.example": {"auth": {"username": "u", "password": "p"}}}}"#)
        let reference = try ImageReference(parsing: "r.example/a")
        let given = RegistryCredentials(username: "x", password: "y")
        #expect(
            RegistryEndpoint.all(for: reference, configuration, credentials: given, insecure: nil)[0].credentials
                == given)
        #expect(
            RegistryEndpoint.all(for: reference, configuration, credentials: nil, insecure: nil)[0].credentials?
                .username
                == "u")
    }

    /// `myregistry: {endpoint: ["http://myregistry"]}` is how k3s users say that a registry speaks plain HTTP.
    @Test func aRegistryThatIsItsOwnMirrorIsAskedOnce() throws {
        let configuration = try parse(#"{"mirrors": {"box:5000": {"endpoint": ["http://box:5000"]}}}"#)
        let endpoints = RegistryEndpoint.all(
            for: try ImageReference(parsing: "box:5000/a"), configuration, credentials: nil, insecure: nil)
        #expect(endpoints.count == 1 && endpoints[0].scheme == .http && !endpoints[0].isMirror)
    }

    @Test(arguments: [
        (#"{"mirror": {}}"#, "unknown field \"mirror\""),
        (#"{"mirrors": []}"#, "mirrors: expected a map"),
        (#"{"mirrors": {"docker.io": {"endpoint": ["ftp://x"]}}}"#, "mirrors[docker.io].endpoint[0]"),
        (#"{"mirrors": {"a": {"rewrite": {"(": "x"}}}}"#, "mirrors.a.rewrite"),
        (#"{"configs": {"a": {"tls": {"cert_file": "/x"}}}}"#, "configs.a.tls: cert_file and key_file"),
        (#"{"configs": {"a": {"tls": {"ca_file": "x"}}}}"#, "configs.a.tls.ca_file: \"x\" is not an absolute path"),
        (#"{"configs": {"a": {"auth": {"username": 5}}}}"#, "configs.a.auth.username: expected a text"),
        (#"{"limits": {"bytesPerDay": "-1"}}"#, "limits.bytesPerDay"),
        (#"{"limits": {"bytesPerDay": "99999999999Gi"}}"#, "too much"),
        (#"{"limits": {"parallelLayers": 0}}"#, "limits.parallelLayers: expected a whole number from 1 to 16"),
    ]) func aMistakeIsNamedWithItsField(_ text: String, _ words: String) throws {
        do {
            _ = try parse(text)
            Issue.record("accepted \(text)")
        } catch let error as ImageError {
            #expect(error.code == .invalidConfiguration && error.message.contains(words), "\(error)")
        }
    }

    @Test func aFileOfTheTLSPartThatCannotBeUsedIsNamed() {
        var trust = RegistryTrust()
        trust.authorityFile = "/nonexistent/ca.pem"
        #expect(throws: ImageError.self) { try trust.tlsConfiguration() }
        do { _ = try trust.tlsConfiguration() } catch {
            #expect(error.message.contains("ca_file /nonexistent/ca.pem") && error.code == .invalidConfiguration)
        }
    }

    @Test func waitsAsLongAsAServerAsksByItsOwnClock() {
        #expect(RetryAfter.delay(["Retry-After": "7"]) == .seconds(7))
        #expect(RetryAfter.delay(["Retry-After": "-7"]) == nil)
        let date = "Sun, 06 Nov 1994 08:49:37 GMT"
        #expect(RetryAfter.delay(["Retry-After": date, "Date": "Sun, 06 Nov 1994 08:49:07 GMT"]) == .seconds(30))
        #expect(RetryAfter.delay(["Retry-After": date]) == nil)
        #expect(RetryAfter.delay(["Retry-After": "soon"]) == nil)
    }

    @Test func onlyTriesWithoutProgressUseUpThePatience() {
        var retry = TransferRetry(limit: 3)
        for _ in 0..<100 { #expect(retry.delay(afterProgress: 1, random: 0) == .milliseconds(500)) }
        #expect(retry.delay(afterProgress: 1 << 20, random: 0) == .milliseconds(25))
        #expect(retry.delay(afterProgress: 0, random: 0) == .milliseconds(500))
        #expect(retry.delay(afterProgress: 0, random: 1) == .milliseconds(1500))
        #expect(retry.delay(afterProgress: 0, random: 0) == nil)
        #expect(retry.delay(afterProgress: 5, requested: .seconds(60), random: 0) == .seconds(60))
    }

    @Test func littleMemoryMeansOneLayerAtATime() {
        #expect(MemoryInformation.isShort("MemTotal: 262144 kB\nMemAvailable: 200000 kB\n"))
        #expect(MemoryInformation.isShort("MemTotal: 8000000 kB\nMemFree: 1 kB\nMemAvailable: 200000 kB\n"))
        #expect(!MemoryInformation.isShort("MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n"))
    }
}

/// The byte budget and clocks that are wrong.
struct LinkUsageTests {
    let may5 = LinkUsage.earliestDate + 124 * 86_400

    func limits(day: Int64? = nil, month: Int64? = nil) -> RegistryConfiguration.Limits {
        var limits = RegistryConfiguration.Limits()
        (limits.bytesPerDay, limits.bytesPerMonth) = (day, month)
        return limits
    }

    func used(_ bytes: Int64, at wall: Int64) -> LinkUsage {
        var usage = LinkUsage()
        usage.advance(wall: wall, elapsed: 0)
        usage.add(bytes)
        return usage
    }

    @Test func aNewDayAndANewMonthBeginWithNothing() {
        var usage = used(10, at: may5)
        #expect(usage.refusal(limits(day: 10))?.contains("this day") == true)
        #expect(usage.refusal(limits(day: 11)) == nil)
        usage.advance(wall: may5 + 86_400, elapsed: 0)
        #expect(usage.refusal(limits(day: 10)) == nil)
        #expect(usage.refusal(limits(month: 10))?.contains("this month") == true)
        usage.advance(wall: may5 + 31 * 86_400, elapsed: 0)
        #expect(usage.refusal(limits(month: 10)) == nil)
    }

    /// A device without a clock of its own starts in 1970 each time: that must not be a way to a new budget.
    @Test func aClockThatStartsIn1970ChangesNothing() {
        var usage = used(10, at: may5)
        usage.advance(wall: 60, elapsed: 5)
        usage.advance(wall: may5 + 3600, elapsed: 5)
        #expect(usage.refusal(limits(day: 10)) != nil)
    }

    @Test func aClockThatWentBackDoesNotStopThePullForEver() {
        var usage = used(10, at: may5 + 70 * 365 * 86_400)  // 2096
        usage.advance(wall: may5, elapsed: 1)
        #expect(usage.refusal(limits(day: 10, month: 10)) != nil)
        usage.advance(wall: may5 + 86_400, elapsed: 1)
        #expect(usage.refusal(limits(day: 10)) == nil)
    }

    @Test func withoutAnyClockADayEndsByTheMonotonicOne() {
        var usage = used(10, at: 60)
        usage.advance(wall: 120, elapsed: 86_399)
        #expect(usage.refusal(limits(day: 10)) != nil)
        usage.advance(wall: 180, elapsed: 1)
        #expect(usage.refusal(limits(day: 10)) == nil && usage.refusal(limits(month: 10)) != nil)
    }

    @Test func survivesARestart() {
        let usage = used(77, at: may5)
        #expect(LinkUsage(usage.json) == usage)
        #expect(LinkUsage(.null) == LinkUsage())
    }
}
