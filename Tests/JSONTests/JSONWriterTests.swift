import JSON
import Testing

@Suite struct JSONWriterTests {
    @Test func sameValueGivesSameBytesWithSortedKeys() {
        var value: JSONValue = [:]
        for key in ["b", "a", "é", "aa", "Z"] { value[key] = 1 }
        #expect(value.description == "{\"Z\":1,\"a\":1,\"aa\":1,\"b\":1,\"é\":1}")
    }

    @Test func charactersThatNeedItAreEscaped() {
        #expect(JSONValue.string("\"\\\n\r\t\u{1}\u{1f}/é😀").description == "\"\\\"\\\\\\n\\r\\t\\u0001\\u001f/é😀\"")
    }

    @Test(arguments: [
        0.1, 1.0, -2.5e-8, 1e300, Double.leastNonzeroMagnitude, 123456789.123, 1e16, Double.greatestFiniteMagnitude,
    ])
    func doubleReadsBackAsTheSame(_ number: Double) throws {
        #expect(try JSONValue(parsing: JSONValue.number(number).serialized()) == .number(number))
    }

    @Test func prettyTextIsIndented() {
        let value: JSONValue = ["a": [1, ["b": .null]], "c": [], "d": [:]]
        let text = String(decoding: value.serialized(pretty: true), as: UTF8.self)
        #expect(text == "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": [],\n  \"d\": {}\n}\n")
    }

    @Test func nestedMembersAreSetAndRemoved() {
        var value: JSONValue = .null
        value[path: "metadata", "labels", "a"] = "b"
        #expect(value == ["metadata": ["labels": ["a": "b"]]])
        value[path: "metadata", "labels", "a"] = nil
        value[path: "spec", "x"] = nil
        #expect(value == ["metadata": ["labels": [:]]])
        #expect(value[path: "metadata", "labels", "a", "z"] == nil)
        value[path: "metadata", "labels"] = nil
        #expect(value == ["metadata": [:]])
        #expect(JSONValue.array([1, 2])[2] == nil)
        #expect(JSONValue.array([1, 2])[-1] == nil)
    }
}
