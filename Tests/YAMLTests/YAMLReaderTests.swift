import JSON
import Testing
import YAML

@Suite struct YAMLReaderTests {
    private func failure(_ text: String, _ limits: JSONLimits = .default) -> YAMLError? {
        do throws(YAMLError) {
            _ = try YAMLReader.documents(in: text, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    private func one(_ text: String) throws -> JSONValue? { try YAMLReader.documents(in: text).first }

    @Test func manifestIsReadAsKubectlDoes() throws {
        let value = try one(
            """
            # a comment
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web, labels: {app: "1"}}
            spec:
              replicas: 3
              template:
                spec:
                  containers:
                  - name: c
                    command: [sh, -c, 'echo "hi"']
                    args:
                    - |
                      line 1
                      line 2
                    - >-
                      folded
                      text
            """)
        #expect(value?[path: "spec", "replicas"] == 3)
        #expect(value?[path: "metadata", "labels", "app"] == "1")
        let container = value?[path: "spec", "template", "spec", "containers"]?[0]
        #expect(container?["command"] == ["sh", "-c", "echo \"hi\""])
        #expect(container?["args"] == ["line 1\nline 2\n", "folded text"])
    }

    @Test(
        arguments: [
            ("1", .integer(1)), ("-1", .integer(-1)), ("+1", .integer(1)), ("0", .integer(0)), ("0644", .integer(420)),
            ("0x1F", .integer(31)), ("0o17", .integer(15)), ("0b11", .integer(3)), ("1_000", .integer(1000)),
            ("1.5", .number(1.5)), (".5", .number(0.5)), ("1e3", .number(1000)), ("1.", .number(1)),
            ("089", .number(89)),
            ("true", true), ("False", false), ("yes", true), ("off", false), ("n", false), ("~", .null),
            ("null", .null),
            ("1.2.3", "1.2.3"), ("1:30", "1:30"), ("2001-01-01", "2001-01-01"), ("100m", "100m"),
            ("tRue", "tRue"), ("'1'", "1"), ("\"true\"", "true"), ("!!str 1", "1"), ("!!int 1", .integer(1)),
            ("!!float 1", .number(1)), ("\"\"", ""), ("25%", "25%"), ("\"\\u00e9\\x41\"", "éA"), ("0x", "0x"),
            ("123456789012345678901", .number(1.2345678901234568e20)), ("--1", "--1"), ("0-1", "0-1"),
        ] as [(String, JSONValue)])
    func scalarHasItsMeaning(_ text: String, _ value: JSONValue) throws {
        #expect(try one("a: \(text)")?["a"] == value)
    }

    @Test func streamGivesItsDocumentsWithoutEmptyOnes() throws {
        let values = try YAMLReader.documents(in: "---\n# nothing\n---\na: 1\n---\nb: 2\n...\n---\n")
        #expect(values == [["a": 1], ["b": 2]])
        #expect(try YAMLReader.documents(in: "").isEmpty)
        #expect(try YAMLReader.documents(in: "# only\n").isEmpty)
    }

    @Test func jsonIsReadExactly() throws {
        #expect(try one("\n{\"a\":\t9223372036854775807}") == ["a": .integer(.max)])
        #expect(try YAMLReader.documents(in: "{\"a\": 1}\n---\n{\"b\": 2}\n") == [["a": 1], ["b": 2]])
    }

    @Test func anchorsAndMergeKeysAreResolved() throws {
        let value = try one(
            """
            base: &base {a: 1, b: 2}
            more: &more {b: 3, c: 4}
            one:
              <<: *base
              a: 9
            two:
              <<: [*base, *more]
            list: [*base, &x z, *x]
            """)
        #expect(value?["one"] == ["a": 9, "b": 2])
        #expect(value?["two"] == ["a": 1, "b": 2, "c": 4])
        #expect(value?["list"] == [["a": 1, "b": 2], "z", "z"])
    }

    @Test func expansionOfAliasesIsBounded() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...12 {
            let row = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(row)]\n"
        }
        #expect(failure(text)?.code == .size)
        #expect(failure("a: &a [*a]")?.code == .alias)
        #expect(failure("a: *b")?.code == .alias)
    }

    @Test func badTextIsRefusedWithLineAndColumn() {
        let error = failure("a: 1\nb: c: d\n")
        #expect(error?.code == .syntax)
        #expect(error?.line == 2)
        #expect(error?.description.hasPrefix("line 2, column 5: mapping values are not allowed") == true)
        #expect(failure("a: 1\na: 2\n")?.code == .duplicateKey)
        #expect(failure("a: 1\na: 2\n")?.line == 2)
        #expect(failure("? [a]\n: 1\n")?.code == .unsupported)
        #expect(failure("a: .inf\n")?.code == .unsupported)
        #expect(failure("a: !foo 1\n")?.code == .unsupported)
        #expect(failure("a: !!int x\n")?.code == .unsupported)
        #expect(failure("a:\n\tb: 1\n")?.code == .syntax)
        #expect(failure("a: \"x\n")?.code == .syntax)
        #expect(failure(String(repeating: "[", count: 1000))?.code == .depth)
        #expect(failure("a: 1", JSONLimits(maxBytes: 3))?.code == .size)
        #expect(failure("<<: 1\n")?.code == .syntax)
        #expect(throws: YAMLError.self) { try YAMLReader.documents(in: [0x61, 0x3A, 0x20, 0xFF]) }
    }

    @Test func keysKeepTheirText() throws {
        #expect(try one("y: 1\n1: 2\ntrue: 3\n") == ["y": 1, "1": 2, "true": 3])
    }

    @Test func randomTextNeverTraps() {
        let alphabet = Array("ab:-? \n\"'[]{},&*!|>#%~<\t1")
        for _ in 0..<5_000 {
            let text = String((0..<Int.random(in: 0..<30)).map { _ in alphabet.randomElement() ?? "a" })
            if let values = try? YAMLReader.documents(in: text) {
                for value in values {
                    #expect((try? YAMLReader.documents(in: YAMLWriter.write(value))) == [value], "\(text)")
                }
            }
        }
    }
}
