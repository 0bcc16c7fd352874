import FleetProtocol
import JSON
import Testing

struct WireTests {
    static let device = try? DeviceID("dev-1")

    @Test func topicsComeBackAsTheyWent() throws {
        let device = try #require(Self.device)
        for topic in Topic.Up.allCases.map({ Topic.up(device, $0) }) + Topic.Down.allCases.map({ .down(device, $0) })
            + [.hubState]
        {
            #expect(try Topic(parsing: topic.string) == topic)
            #expect(topic.string.utf8.filter { $0 == 47 }.count <= 7)
        }
    }

    @Test(arguments: [
        "wh/1/d/dev+/up/hello", "wh/1/d/DEV/up/hello", "wh/1/d//up/hello", "wh/1/d/dev/up/hello/x",
        "wh/2/d/dev/up/hello",
        "wh/1/d/dev/up/head", "", "wh/1/d/\(String(repeating: "a", count: 41))/up/hello",
    ]) func foreignTopicIsRefused(_ text: String) {
        #expect(throws: FleetError.self) { try Topic(parsing: text) }
    }

    @Test func goldenMessagesDecodeAndEncodeToTheSameJSON() throws {
        let golden = try Vectors.load("messages.json")
        func check<Message: FleetMessage>(_ key: String, _ type: Message.Type) throws {
            let value = try #require(golden[key])
            let envelope = Envelope(epoch: 7, sequence: 1, timestamp: 5, body: value)
            let parsed = try Envelope(parsing: envelope.serialized(), depth: FleetLimits.objectDepth)
            #expect(parsed == envelope)
            let message = try parsed.message(type)
            #expect(try JSONValue(encoding: message) == value)
        }
        try check("hello", Hello.self)
        try check("bye", Bye.self)
        try check("ack", Ack.self)
        try check("report", Report.self)
        try check("events", EventBatch.self)
        try check("reply", UpRequest.self)
        try check("downAck", DownAck.self)
        try check("command", Command.self)
        try check("hubState", HubState.self)
    }

    @Test func unknownWordsFromAPeerDecodeToUnknown() throws {
        let ack: Ack = try Envelope(
            epoch: 1, sequence: 1, timestamp: 0, body: ["gen": 1, "rev": 1, "level": "glorious", "new": true]
        ).message()
        #expect(ack.level == .unknown)
    }

    @Test func envelopeOutsideItsLimitsIsRefused() throws {
        func code(_ bytes: [UInt8]) -> FleetError.Code? {
            do { _ = try Envelope(parsing: bytes) } catch { return error.code }
            return nil
        }
        let good = Envelope(epoch: 1, sequence: 1, timestamp: 0, body: [:]).serialized()
        #expect(code(good) == nil)
        #expect(code([UInt8](repeating: 32, count: FleetLimits.envelope + 1)) == .oversized)
        #expect(
            code(Array(String(decoding: good, as: UTF8.self).replacing("\"v\":1", with: "\"v\":2").utf8))
                == .unsupportedVersion)
        #expect(code(good.dropLast() + Array(",\"ep\":2}".utf8)) == .malformed)
        var deep: JSONValue = 1
        for _ in 0..<9 { deep = ["a": deep] }
        #expect(code(Envelope(epoch: 1, sequence: 1, timestamp: 0, body: deep).serialized()) == .malformed)
    }

    @Test func base64FollowsTheStandardAndRefusesTheRest() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            #expect(Base64.encode(Array(plain.utf8)) == text)
            #expect(Base64.decode(text) == Array(plain.utf8))
        }
        #expect(Base64.encodeURL([0xfb, 0xff]) == "-_8")
        #expect(Base64.decodeURL("-_8") == [0xfb, 0xff])
        for bad in ["Zg", "Zg=", "Zh==", "Zg==\n", "Z===", "====", "Zm-v"] {
            #expect(Base64.decode(bad) == nil, "\(bad)")
        }
    }

    @Test func documentHasTheSameBytesWhateverTheOrder() throws {
        let first: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a", "namespace": "x"]]
        let second: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "b", "namespace": "x"]]
        let one = Document(nodeLabels: ["k": "v"], objects: [first, second])
        #expect(one.digest == Document(nodeLabels: ["k": "v"], objects: [second, first]).digest)
        #expect(try Document(parsing: one.serialized()) == one)
        #expect(throws: FleetError.self) {
            try Document(parsing: Document(objects: [first, first]).serialized())
        }
    }

    @Test(arguments: [0, 1, FleetLimits.documentPart, FleetLimits.documentPart + 1, 300_000])
    func documentTravelsInPartsAndComesTogether(_ size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var assembly = DocumentAssembly()
        var done: [UInt8]?
        for message in try DocumentPart.messages(of: bytes, epoch: 1, timestamp: 0) {
            #expect(done == nil)
            #expect(message.count <= FleetLimits.packet)
            done = assembly.add(try DocumentPart(parsing: message))?.bytes
        }
        #expect(done == bytes)
    }

    @Test func partsOutOfOrderNeverMakeADocument() throws {
        let messages = try DocumentPart.messages(of: [UInt8](repeating: 7, count: 300_000), epoch: 1, timestamp: 0)
        var assembly = DocumentAssembly()
        for message in messages.reversed() { #expect(assembly.add(try DocumentPart(parsing: message)) == nil) }
    }

    @Test func joinLineComesBackAsItWent() throws {
        let digest = ContentDigest(of: [1]).text
        for hub in ["hub.example:8443", "[::1]:8443", "10.0.0.1:1"] {
            let line = EnrolmentLine(hub: hub, authority: digest, secret: "s3cret")
            #expect(try EnrolmentLine(parsing: "  \(line)\n") == line)
        }
        #expect(EnrolmentLine.split("[::1]:8443")?.host == "::1")
    }

    @Test(arguments: ["", "wherry1.", "wherry1.!!!", "wherry2.e30", "wherry1.e30", "hello"])
    func damagedJoinLineIsRefusedWithARemedy(_ text: String) {
        do {
            _ = try EnrolmentLine(parsing: text)
            Issue.record("accepted")
        } catch {
            #expect(error.code == .invalidLine)
            #expect(error.message.contains("wherry token create"))
        }
    }

    @Test func revisionsCompareByGenerationFirst() {
        #expect(Revision(generation: 1, number: 99) < Revision(generation: 2, number: 1))
        #expect(Revision(generation: 2, number: 1) < Revision(generation: 2, number: 2))
    }
}
