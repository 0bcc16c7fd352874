import JSON
import Testing

@Suite struct JSONParserTests {
    private func failure(_ text: String, _ limits: JSONLimits = .default) -> JSONError? {
        do throws(JSONError) {
            _ = try JSONValue(parsing: text, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func documentWithEveryTypeIsReadExactly() throws {
        let value = try JSONValue(
            parsing: " {\"a\":[1,-0.5,1e3,true,false,null],\"b\":\"x\\n\\u00e9\\ud83d\\ude00\\/\",\"c\":{}} ")
        #expect(value == ["a": [1, -0.5, 1000.0, true, false, .null], "b": "x\né😀/", "c": [:]])
    }

    @Test func integersStayExactToTheEndsOfInt64AndBecomeDoublesBeyond() throws {
        #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
        #expect(try JSONValue(parsing: "9223372036854775808") == .number(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "123456789012345678901234567890") == .number(1.2345678901234568e29))
        #expect(try JSONValue(parsing: "-0") == .integer(0))
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "01", "-",
        "1.",
        ".5", "+1", "1e", "1e+", "NaN", "Infinity", "tru", "nul", "truex", "1 2", "\"", "\"\\", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "\u{FEFF}1", "[1]]", "// c\n1",
    ])
    func textThatIsNoJSONIsRefusedWithItsPlace(_ text: String) {
        let error = failure(text)
        #expect(error?.code == .syntax)
        #expect(error?.offset != nil)
    }

    @Test func bytesThatAreNoUTF8AreRefused() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC0, 0x80, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0x5C, 0x6E, 0xFF, 0x22]) }
    }

    @Test func limitsAreKept() {
        #expect(failure(String(repeating: "[", count: 100_000))?.code == .depth)
        #expect(failure(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) == nil)
        #expect(failure(String(repeating: "[", count: 65) + String(repeating: "]", count: 65))?.code == .depth)
        #expect(failure("[1,2]", JSONLimits(maxBytes: 4))?.code == .size)
        #expect(failure("1e999")?.code == .invalidValue)
    }

    @Test func keyThatAppearsTwiceIsRefusedUnlessAllowed() throws {
        #expect(failure("{\"a\":1,\"a\":2}")?.code == .duplicateKey)
        #expect(try JSONValue(parsing: "{\"a\":1,\"a\":2}", limits: JSONLimits(allowDuplicateKeys: true)) == ["a": 2])
        #expect(failure("{\"a\":{\"b\":1},\"b\":{\"b\":2}}") == nil)
    }

    @Test func errorNamesLineAndColumn() {
        #expect(failure("{\n  \"a\": x}")?.message == "expected a value, found 'x' (line 2, column 8)")
    }

    @Test func textThatIsNotContiguousIsReadToo() throws {
        let bytes = Array("{\"a\":1}".utf8).lazy.map { $0 }
        #expect(try JSONValue(parsing: bytes) == ["a": 1])
    }

    @Test func randomBytesNeverTrap() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("{}[]\",:\\u0123456789abcdefE+-.tfn \n\u{1}é".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            if let value = try? JSONValue(parsing: bytes) {
                #expect((try? JSONValue(parsing: value.serialized())) == value)
            }
        }
    }
}
