import JSON
import Testing

private struct Container: Codable, Equatable {
    var image: String
    var ports: [Int]?
    var extra: JSONValue?
}

private struct Pod: Codable, Equatable {
    enum Phase: String, Codable { case running, pending }
    var containers: [Container]
    var labels: [String: String]?
    var phase: Phase?
    var weight: Double?
    var flag: Bool?
    var small: UInt8?
}

private final class Base: Codable {
    var name: String = "n"
    enum Keys: String, CodingKey { case outer, inner, list }
    init() {}
    init(from decoder: any Decoder) throws {
        let outer = try decoder.container(keyedBy: Keys.self)
        name = try outer.nestedContainer(keyedBy: Keys.self, forKey: .outer).decode(String.self, forKey: .inner)
        var list = try outer.nestedUnkeyedContainer(forKey: .list)
        _ = try list.decode(Int.self)
        #expect(try list.decodeNil())
        #expect(list.isAtEnd)
    }
    func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: Keys.self)
        var inner = outer.nestedContainer(keyedBy: Keys.self, forKey: .outer)
        var list = outer.nestedUnkeyedContainer(forKey: .list)
        try list.encode(1)
        try list.encodeNil()
        try inner.encode(name, forKey: .inner)
    }
}

@Suite struct JSONCodingTests {
    private func failure(_ text: String) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONValue(parsing: text).decode(as: Pod.self)
            return nil
        } catch {
            return error
        }
    }

    @Test func structSurvivesThereAndBack() throws {
        let pod = Pod(
            containers: [Container(image: "a", ports: [1, 2], extra: ["x": [1, .null]]), Container(image: "b")],
            labels: ["a.b/c": "d"], phase: .running, weight: 1.5, flag: true, small: 255)
        let value = try JSONValue(encoding: pod)
        #expect(value["containers"]?[1] == ["image": "b"])
        #expect(value["phase"] == "running")
        #expect(try value.decode(as: Pod.self) == pod)
    }

    @Test func missingMemberIsNamedWithItsPath() {
        let error = failure("{\"containers\":[{\"image\":\"a\"},{\"ports\":[]}]}")
        #expect(error?.code == .missing)
        #expect(error?.path == "containers[1].image")
    }

    @Test func wrongTypeIsNamedWithItsPath() {
        let error = failure("{\"containers\":[{\"image\":\"a\",\"ports\":[1,\"x\"]}]}")
        #expect(error?.code == .typeMismatch)
        #expect(error?.path == "containers[0].ports[1]")
        #expect(error?.message == "expected integer, found string")
    }

    @Test func keyWithDotsStandsInBrackets() {
        #expect(failure("{\"containers\":[],\"labels\":{\"a.b/c\":1}}")?.path == "labels[a.b/c]")
    }

    @Test func valueThatDoesNotFitIsRefused() {
        #expect(failure("{\"containers\":[],\"small\":256}")?.path == "small")
        #expect(failure("{\"containers\":[],\"small\":1.5}")?.code == .typeMismatch)
        #expect(failure("{\"containers\":[],\"phase\":\"odd\"}")?.code == .invalidValue)
        #expect(failure("{\"containers\":null}")?.code == .missing)
        #expect(failure("[]")?.code == .typeMismatch)
        #expect(failure("{\"containers\":[],\"small\":3.0}") == nil)
    }

    @Test func nestedContainersWork() throws {
        let value = try JSONValue(encoding: Base())
        #expect(value == ["outer": ["inner": "n"], "list": [1, .null]])
        #expect(try value.decode(as: Base.self).name == "n")
    }

    @Test func numberWithoutJSONFormIsRefused() {
        #expect(throws: JSONError.self) { try JSONValue(encoding: ["a": Double.infinity]) }
        #expect(throws: JSONError.self) { try JSONValue(encoding: [UInt64.max]) }
    }

    @Test func topLevelScalarsAndValuesWork() throws {
        #expect(try JSONValue(encoding: "a") == "a")
        #expect(try JSONValue(encoding: [Int]()) == [])
        #expect(try JSONValue(encoding: JSONValue.array([1])) == [1])
        #expect(try JSONValue.string("a").decode(as: String.self) == "a")
        #expect(try JSONValue.integer(3).decode(as: JSONValue.self) == 3)
        #expect(try JSONValue.object(["a": .null]).decode(as: [String: Int?].self) == ["a": nil])
    }
}
