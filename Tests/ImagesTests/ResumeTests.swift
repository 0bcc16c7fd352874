import CArchive
import Linux
import Logging
import NIOHTTP1
import OCI
import Synchronization
import Testing

@testable import Images

/// Blobs over links that cut and from servers that do as they like.
@Suite(.enabled(if: geteuid() == 0, "unpacking sets owners"), .timeLimit(.minutes(5)))
struct ResumeTests {
    let scratch: Scratch
    let store: ImageStore
    let sample: SampleImage

    init() throws {
        scratch = try Scratch()
        store = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
        sample = try SampleImage(bulk: 300_000)
        let link = store.link
        link.pace = DownloadLink.Pace(firstDelay: .milliseconds(1), budgetDelay: .milliseconds(5))
    }

    typealias Answer = @Sendable (FakeRegistry.Asked, _ layer: [UInt8], _ try: Int) -> FakeRegistry.Answer

    /// Pulls, with `answer` for each request of the layer.
    func pull(
        _ store: ImageStore? = nil, ignoreBudget: Bool = false, _ answer: @escaping Answer
    ) async throws -> (result: Result<Image, ImageError>, asked: [FakeRegistry.Asked]) {
        let sample = sample
        let tries = Mutex(0)
        let registry = try await FakeRegistry { asked in
            guard asked.uri.hasSuffix("\(sample.layerDigest)") else {
                return sample.answer(asked.uri) ?? .init(status: .notFound)
            }
            let count = tries.withLock {
                $0 += 1
                return $0
            }
            return answer(asked, sample.layer, count)
        }
        let result: Result<Image, ImageError>
        do {
            result = .success(
                try await (store ?? self.store).pull(try registry.reference("demo:1"), ignoreBudget: ignoreBudget))
        } catch let error as ImageError {
            result = .failure(error)
        }
        try await registry.stop()
        return (result, registry.requests.filter { $0.uri.hasSuffix("\(sample.layerDigest)") })
    }

    func expectWhole(_ result: Result<Image, ImageError>) throws {
        let image = try result.get()
        #expect(image.id == sample.id)
        #expect(status(image.layerDirectories[0] + "/bulk")?.st_size == 300_000)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
    }

    @Test func everyCutIsFollowedByAClosedRangeFromTheLastByte() async throws {
        let cuts = [1000, 40_000, 77, 120_000, 1]
        let (result, asked) = try await pull { asked, layer, number in
            var answer = FakeRegistry.Answer.part(layer, asked.range)
            if number <= cuts.count { answer.cutAfter = cuts[number - 1] }
            return answer
        }
        try expectWhole(result)
        let starts = cuts.indices.map { cuts[...$0].reduce(0, +) }
        #expect(asked.map { $0.headers["Range"] } == [[]] + starts.map { ["bytes=\($0)-\(sample.layer.count - 1)"] })
    }

    @Test func aWholeBlobInPlaceOfARangeIsReadPastWhatIsHere() async throws {
        let (result, asked) = try await pull { _, layer, number in
            var answer = FakeRegistry.Answer.body(layer)
            if number == 1 { answer.cutAfter = 100_000 }
            return answer
        }
        try expectWhole(result)
        #expect(asked.count == 2 && asked[1].range?.lowerBound == 100_000)
    }

    @Test func aWholeThatNeverGetsFurtherIsGivenUpAndThePartKept() async throws {
        let (result, asked) = try await pull { _, layer, number in
            var answer = FakeRegistry.Answer.body(layer)
            answer.cutAfter = 100_000
            return answer
        }
        guard case .failure(let error) = result else {
            Issue.record("pulled")
            return
        }
        #expect(error.message.contains("8 tries brought nothing"), "\(error)")
        #expect(asked.count == 9)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").contains { $0.hasSuffix(".part") })
    }

    @Test func aRangeThatBeginsEarlierIsReadPastAndOneThatBeginsLaterIsNotTaken() async throws {
        let (result, asked) = try await pull { asked, layer, number in
            switch number {
            case 1: return .init(headers: [:], body: layer, cutAfter: 50_000)
            case 2: return .part(layer, 20_000...60_000)  // earlier, and short
            case 3: return .part(layer, 70_000...(layer.count - 1))  // a hole of 9999 bytes
            default: return .body(layer)
            }
        }
        try expectWhole(result)
        #expect(asked.map { $0.range?.lowerBound } == [nil, 50_000, 60_001, nil])
    }

    @Test(arguments: [400, 416, 501]) func aServerThatRefusesRangesIsAskedForTheWhole(_ status: Int) async throws {
        let (result, asked) = try await pull { asked, layer, number in
            if asked.range != nil { return .init(status: .init(statusCode: status)) }
            return .init(body: layer, cutAfter: number == 1 ? 50_000 : nil)
        }
        try expectWhole(result)
        #expect(asked.map { $0.range != nil } == [false, true, false])
    }

    @Test func aSignedAddressThatRanOutIsAskedForAgainWithoutOurLogin() async throws {
        let sample = sample
        let tries = Mutex(0)
        let cdn = try await FakeRegistry { asked in
            let number = tries.withLock {
                $0 += 1
                return $0
            }
            if number == 2 { return .init(status: .forbidden) }
            var answer = FakeRegistry.Answer.part(sample.layer, asked.range)
            if number == 1 { answer.cutAfter = 30_000 }
            return answer
        }
        let location = "http://\(cdn.authority)/blob?signature="
        let (result, asked) = try await pull { _, _, number in
            .init(status: .temporaryRedirect, headers: ["Location": location + "\(number)"])
        }
        try await cdn.stop()
        try expectWhole(result)
        #expect(asked.count == 3)
        #expect(cdn.requests.map(\.uri) == (1...3).map { "/blob?signature=\($0)" })
        #expect(cdn.requests.map { $0.range?.lowerBound } == [nil, 30_000, 30_000])
        #expect(cdn.requests.allSatisfy { $0.headers["Authorization"].isEmpty })
    }

    @Test func aForbiddenOfTheRegistryItselfIsFinal() async throws {
        let (result, asked) = try await pull { _, _, _ in .init(status: .forbidden) }
        guard case .failure(let error) = result else {
            Issue.record("pulled")
            return
        }
        #expect(error.code == .unauthorized && asked.count == 1)
    }

    @Test func aRedirectFromHTTPSToPlainHTTPIsRefused() throws {
        let address = try #require(WebAddress("https://r.example/v2/a/blobs/x"))
        #expect(throws: ImageError.self) {
            _ = try RegistryClient.redirect(
                307, ["Location": "http://cdn.example/x"], from: address, registry: "r.example")
        }
        let next = try RegistryClient.redirect(
            307, ["Location": "https://cdn.example/x"], from: address, registry: "r.example")
        #expect(next?.host == "cdn.example")
    }

    @Test func aTokenThatRanOutOnTheWayIsReplaced() async throws {
        let sample = sample
        let tokens = Mutex(0)
        let layers = Mutex(0)
        let registry = try await FakeRegistry { asked in
            if asked.uri.hasPrefix("/token") {
                let number = tokens.withLock {
                    $0 += 1
                    return $0
                }
                return .body(Array(#"{"token":"t\#(number)"}"#.utf8))
            }
            let isLayer = asked.uri.hasSuffix("\(sample.layerDigest)")
            let count = layers.withLock {
                if isLayer { $0 += 1 }
                return $0
            }
            // The first token is good until the first cut.
            let good = count < 2 ? "Bearer t1" : "Bearer t2"
            guard asked.headers["Authorization"] == [good] else {
                let realm = "http://\(asked.headers.first(name: "Host") ?? "")/token"
                return .init(status: .unauthorized, headers: ["WWW-Authenticate": #"Bearer realm="\#(realm)""#])
            }
            guard isLayer else { return sample.answer(asked.uri) ?? .init(status: .notFound) }
            var answer = FakeRegistry.Answer.part(sample.layer, asked.range)
            if count == 1 { answer.cutAfter = 10_000 }
            return answer
        }
        let image = try await store.pull(try registry.reference("demo:1"))
        try await registry.stop()
        #expect(image.id == sample.id && tokens.withLock { $0 } == 2)
    }

    @Test(arguments: [408, 429, 500, 502, 503, 504]) func aServerThatIsBusyIsAskedAgain(_ status: Int) async throws {
        let (result, asked) = try await pull { asked, layer, number in
            number <= 3
                ? .init(status: .init(statusCode: status), headers: ["Retry-After": "0"]) : .part(layer, asked.range)
        }
        try expectWhole(result)
        #expect(asked.count == 4)
    }

    @Test func aTransferThatStallsIsTakenUpAgain() async throws {
        var configuration = RegistryConfiguration()
        configuration.limits.stallSeconds = 1
        store.useRegistries { [configuration] in configuration }
        let (result, asked) = try await pull { asked, layer, number in
            var answer = FakeRegistry.Answer.part(layer, asked.range)
            if number == 1 { answer.stallAfter = 64_000 }
            return answer
        }
        try expectWhole(result)
        #expect(asked.map { $0.range?.lowerBound } == [nil, 64_000])
    }

    @Test func anAnswerThatIsTooShortOrTooLongDoesNoHarm() async throws {
        let (result, asked) = try await pull { asked, layer, number in
            number == 1
                ? .body(Array(layer[..<5000]))
                : .init(
                    status: .partialContent, headers: ["Content-Range": "bytes 5000-\(layer.count - 1)/\(layer.count)"],
                    body: layer[5000...] + [UInt8](repeating: 7, count: 1 << 20))
        }
        try expectWhole(result)
        #expect(asked.count == 2)
    }

    // MARK: Over restarts

    /// Leaves a part of `length` bytes by a registry that gives no more.
    func leavePart(_ length: Int) async throws {
        let (result, _) = try await pull { _, layer, number in
            number == 1 ? .init(body: layer, cutAfter: length) : .init(status: .notFound)
        }
        guard case .failure = result else { throw ImageError(.conflict, "pulled") }
    }

    @Test func aPartIsTakenUpByTheNextAgent() async throws {
        try await leavePart(123_456)
        await store.close()
        let next = try ImageStore(root: scratch.path + "/data", logger: Logger(label: "test"))
        let (result, asked) = try await pull(next) { asked, layer, _ in .part(layer, asked.range) }
        try expectWhole(result)
        #expect(asked.map { $0.range?.lowerBound } == [123_456])
    }

    @Test func aPartThatWasDamagedIsFetchedAnew() async throws {
        try await leavePart(123_456)
        let part = scratch.path + "/data/ingest/" + PartFile.name(of: sample.layerDigest)
        var bytes = try Files.read(part)
        bytes[100] ^= 1
        try Files.writeAtomically(bytes, to: part)
        let (result, _) = try await pull { asked, layer, _ in .part(layer, asked.range) }
        try expectWhole(result)
    }

    @Test func contentThatIsWrongAfterACutIsFetchedAgainAsAWholeOnce() async throws {
        let (result, asked) = try await pull { asked, layer, number in
            if number == 1 { return .init(body: layer, cutAfter: 90_000) }
            var answer = FakeRegistry.Answer.part(layer, asked.range)
            if number == 2 { answer.body[5] ^= 1 }
            return answer
        }
        try expectWhole(result)
        #expect(asked.map { $0.range?.lowerBound } == [nil, 90_000, nil])
    }

    @Test func contentThatStaysWrongIsRefusedAndLeavesNothing() async throws {
        let (result, asked) = try await pull { asked, layer, number in
            var answer = FakeRegistry.Answer.part(layer, asked.range)
            answer.body[5] ^= 1
            return answer
        }
        guard case .failure(let error) = result else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == .digestMismatch && asked.count == 1)
        #expect(try Files.listDirectory(scratch.path + "/data/ingest").isEmpty)
        #expect(try Files.listDirectory(scratch.path + "/data/layers").isEmpty)
    }

    @Test func partsOfPullsThatWereGivenUpAreBounded() async throws {
        let ingest = scratch.path + "/data/ingest/"
        for number in 0..<12 {
            let digest = ContentHasher.digest(of: [UInt8(number)])
            try Files.writeAtomically([1], to: ingest + PartFile.name(of: digest), durable: false)
        }
        let (result, _) = try await pull { asked, layer, _ in .part(layer, asked.range) }
        _ = try result.get()
        #expect(try Files.listDirectory(ingest).count == 8)
    }

    // MARK: Limits of the link

    @Test func aPullOverTheBudgetWaitsWithAReasonAndGoesOnByItself() async throws {
        let limits = Mutex<Int64?>(100_000)
        store.useRegistries {
            var configuration = RegistryConfiguration()
            configuration.limits.bytesPerDay = limits.withLock { $0 }
            return configuration
        }
        let sample = sample
        let registry = try await FakeRegistry { asked in
            guard asked.uri.hasSuffix("\(sample.layerDigest)") else {
                return sample.answer(asked.uri) ?? .init(status: .notFound)
            }
            return .part(sample.layer, asked.range)
        }
        let image = try await store.pull(try registry.reference("demo:1")) { step in
            guard step.phase == .waiting, let detail = step.detail else { return }
            #expect(detail.contains("100000 bytes of this day") && detail.contains("--ignore-budget"))
            limits.withLock { $0 = nil }
        }
        try await registry.stop()
        #expect(limits.withLock { $0 } == nil, "it did not wait")
        #expect(image.id == sample.id)
        let saved = try Files.read(scratch.path + "/data/link-usage.json")
        #expect(String(decoding: saved, as: UTF8.self).contains("\"bytes\""))
    }

    @Test func aBudgetCanBeIgnored() async throws {
        var configuration = RegistryConfiguration()
        configuration.limits.bytesPerMonth = 1
        store.useRegistries { [configuration] in configuration }
        let (result, _) = try await pull(ignoreBudget: true) { asked, layer, _ in .part(layer, asked.range) }
        try expectWhole(result)
    }

    /// A pod waits for its image, and somebody pulls that by hand.
    @Test func aPullThatIgnoresTheBudgetHelpsTheOneThatWaits() async throws {
        var configuration = RegistryConfiguration()
        configuration.limits.bytesPerDay = 100_000
        store.useRegistries { [configuration] in configuration }
        let sample = sample
        let registry = try await FakeRegistry { asked in
            guard asked.uri.hasSuffix("\(sample.layerDigest)") else {
                return sample.answer(asked.uri) ?? .init(status: .notFound)
            }
            return .part(sample.layer, asked.range)
        }
        let reference = try registry.reference("demo:1")
        let (waits, signal) = AsyncStream.makeStream(of: Void.self)
        let store = store
        async let patient = store.pull(reference) { if $0.detail != nil { signal.yield() } }
        for await _ in waits { break }
        #expect(try await store.pull(reference, ignoreBudget: true).id == sample.id)
        #expect(try await patient.id == sample.id)
        try await registry.stop()
    }

    @Test func aRateIsKept() async throws {
        var configuration = RegistryConfiguration()
        configuration.limits.bytesPerSecond = 300_000
        store.useRegistries { [configuration] in configuration }
        let start = ContinuousClock.now
        let (result, _) = try await pull { asked, layer, _ in .part(layer, asked.range) }
        try expectWhole(result)
        #expect(ContinuousClock.now - start > .milliseconds(600))
    }

    // MARK: Mirrors

    @Test func mirrorsAreAskedInOrderThenTheRegistryItself() async throws {
        let sample = sample
        let dead = try await FakeRegistry { _ in .init() }
        let deadAuthority = dead.authority
        try await dead.stop()
        let empty = try await FakeRegistry { _ in .init(status: .notFound) }
        let mirror = try await FakeRegistry { asked in
            sample.answer(String(asked.uri.prefix { $0 != "?" })) ?? .init(status: .notFound)
        }
        let origin = try await FakeRegistry { sample.answer($0.uri) ?? .init(status: .notFound) }
        var configuration = RegistryConfiguration()
        configuration.mirrors[origin.authority] = .init(
            endpoints: ["http://\(deadAuthority)", "http://\(empty.authority)", "http://\(mirror.authority)/v2/cache"],
            rewrites: [.init(pattern: "^(de.*)$", replacement: "team/$1")])
        store.useRegistries { [configuration] in configuration }
        let login = RegistryCredentials(username: "u", password: "p")
        let image = try await store.pull(try origin.reference("demo:1"), credentials: login)
        #expect(image.references == ["\(origin.authority)/demo:1"])
        #expect(origin.requests.isEmpty)
        #expect(empty.requests.count == 1)
        #expect(
            mirror.requests.allSatisfy { $0.uri.hasPrefix("/v2/cache/team/demo/") }, "\(mirror.requests.map(\.uri))")
        #expect(mirror.requests.allSatisfy { $0.headers["Authorization"].isEmpty })
        // Without its mirrors the registry itself has it.
        try await mirror.stop()
        _ = try await store.remove("\(origin.authority)/demo:1")
        #expect(try await store.pull(try origin.reference("demo:1")).id == sample.id)
        #expect(!origin.requests.isEmpty)
        try await empty.stop()
        try await origin.stop()
    }
}
