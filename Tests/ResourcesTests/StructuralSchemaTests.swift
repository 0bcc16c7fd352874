import JSON
import Testing

@testable import Resources

/// What schemas of custom kinds say of values, in the words of kube-apiserver.
@Suite("Structural schemas") struct StructuralSchemaTests {
    private static func schema(_ yaml: String) throws -> StructuralSchema {
        StructuralSchema(try Manifest.value(yaml))
    }

    private static func faults(_ schema: String, _ value: String) throws -> [String] {
        var errors = FieldErrors()
        let root = try Self.schema("{type: object, properties: {v: \(schema)}}")
        root.validate(root.defaulted(try Manifest.value("{v: \(value)}")), into: &errors)
        return errors.causes.map { "\($0.field): \($0.message)" }
    }

    /// Schema, value, faults.
    private static let table: [(String, String, [String])] = [
        ("{type: integer}", "1", []), ("{type: integer}", "1.0", []), ("{type: number}", "1", []),
        (
            "{type: integer}", "'string'",
            ["v: Invalid value: \"string\": v in body must be of type integer: \"string\""]
        ),
        ("{type: integer}", "1.5", ["v: Invalid value: \"number\": v in body must be of type integer: \"number\""]),
        ("{type: string}", "[]", ["v: Invalid value: \"array\": v in body must be of type string: \"array\""]),
        ("{type: string, nullable: true}", "null", []),
        (
            "{type: array, items: {type: string}}", "[null]",
            ["v[0]: Invalid value: \"null\": v[0] in body must be of type string: \"null\""]
        ),
        ("{type: object, required: [a, b], properties: {a: {type: string}}}", "{a: x}", ["v.b: Required value"]),
        (
            "{type: object, additionalProperties: {type: integer}}", "{a: 1, b: x}",
            ["v.b: Invalid value: \"string\": v.b in body must be of type integer: \"string\""]
        ),
        ("{type: string, enum: [a, b]}", "c", ["v: Unsupported value: \"c\": supported values: \"a\", \"b\""]),
        ("{type: integer, enum: [1, 2]}", "3", ["v: Unsupported value: 3: supported values: \"1\", \"2\""]),
        ("{type: string, pattern: '^[a-z]+$'}", "abc", []),
        ("{type: string, pattern: '^[a-z]+$'}", "'1'", ["v: Invalid value: \"1\": v in body should match '^[a-z]+$'"]),
        (
            "{type: integer, minimum: 1}", "0",
            ["v: Invalid value: 0: v in body should be greater than or equal to 1"]
        ),
        (
            "{type: integer, minimum: 1, exclusiveMinimum: true}", "1",
            ["v: Invalid value: 1: v in body should be greater than 1"]
        ),
        ("{type: integer, maximum: 10}", "11", ["v: Invalid value: 11: v in body should be less than or equal to 10"]),
        (
            "{type: integer, maximum: 10, exclusiveMaximum: true}", "10",
            ["v: Invalid value: 10: v in body should be less than 10"]
        ),
        ("{type: integer, multipleOf: 5}", "7", ["v: Invalid value: 7: v in body should be a multiple of 5"]),
        ("{type: number, multipleOf: 0.1}", "0.3", []),
        ("{type: string, maxLength: 2}", "abc", ["v: Too long: may not be more than 2 bytes"]),
        ("{type: string, maxLength: 2}", "äö", []),
        (
            "{type: string, minLength: 2}", "a",
            ["v: Invalid value: \"a\": v in body should be at least 2 chars long"]
        ),
        (
            "{type: array, maxItems: 1, items: {type: integer}}", "[1, 2]",
            ["v: Too many: 2: must have at most 1 item"]
        ),
        (
            "{type: array, minItems: 1, items: {type: integer}}", "[]",
            ["v: Invalid value: []: v in body should have at least 1 items"]
        ),
        (
            "{type: object, maxProperties: 1, additionalProperties: true}", "{a: 1, b: 2}",
            ["v: Invalid value: {\"a\":1,\"b\":2}: v in body should have at most 1 properties"]
        ),
        (
            "{type: object, minProperties: 1, additionalProperties: true}", "{}",
            ["v: Invalid value: {}: v in body should have at least 1 properties"]
        ),
        ("{type: string, format: date-time}", "'2026-01-01T00:00:00Z'", []),
        (
            "{type: string, format: date-time}", "soon",
            ["v: Invalid value: \"soon\": v in body must be of type date-time: \"soon\""]
        ),
        ("{type: string, format: ipv4}", "10.0.0.1", []),
        (
            "{type: string, format: ipv4}", "10.0.0",
            ["v: Invalid value: \"10.0.0\": v in body must be of type ipv4: \"10.0.0\""]
        ),
        ("{type: string, format: duration}", "1h30m", []), ("{type: string, format: cidr}", "10.0.0.0/8", []),
        ("{type: string, format: uuid}", "4a2f1e70-5dc1-4c5e-9d1d-0123456789ab", []),
        ("{type: string, format: whatever}", "x", []),
        ("{x-kubernetes-int-or-string: true}", "80", []), ("{x-kubernetes-int-or-string: true}", "80%", []),
        (
            "{x-kubernetes-int-or-string: true}", "true",
            ["v: Invalid value: \"boolean\": v in body must be of type integer,string: \"boolean\""]
        ),
        (
            "{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}]}",
            "{a: x, b: z}",
            [
                "<nil>: Invalid value: \"\": \"v\" must validate one and only one schema (oneOf). Found 2 valid alternatives"
            ]
        ),
        (
            "{type: object, properties: {a: {type: string}, b: {type: string}}, anyOf: [{required: [a]}, {required: [b]}]}",
            "{}",
            ["<nil>: Invalid value: \"\": \"v\" must validate at least one schema (anyOf)", "v.a: Required value"]
        ),
        (
            "{type: string, not: {enum: [a]}}", "a",
            ["<nil>: Invalid value: \"\": \"v\" must not validate the schema (not)"]
        ),
        (
            "{type: string, allOf: [{minLength: 2}, {pattern: a}]}", "b",
            [
                "v: Invalid value: \"b\": v in body should be at least 2 chars long",
                "v: Invalid value: \"b\": v in body should match 'a'",
                "<nil>: Invalid value: \"\": \"v\" must validate all the schemas (allOf). None validated",
            ]
        ),
        (
            "{type: array, x-kubernetes-list-type: set, items: {type: string}}", "[a, b, a]",
            ["v[2]: Duplicate value: \"a\""]
        ),
        (
            "{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object, required: [k], properties: {k: {type: string}, x: {type: integer}}}}",
            "[{k: a, x: 1}, {k: a, x: 2}]", ["v[1]: Duplicate value: {\"k\":\"a\"}"]
        ),
        (
            "{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}",
            "{a: 1}",
            ["v.apiVersion: Required value", "v.kind: Required value"]
        ),
    ]

    @Test("values are judged in kube-apiserver's words", arguments: table.indices)
    func validation(_ index: Int) throws {
        let (schema, value, faults) = Self.table[index]
        #expect(try Self.faults(schema, value) == faults, "\(schema) \(value)")
    }

    @Test("fields that a schema does not know go, and their paths are told")
    func pruning() throws {
        let schema = try Self.schema(
            """
            {type: object, properties: {spec: {type: object, properties: {
              a: {type: string}, open: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {
                known: {type: object, properties: {x: {type: string}}}}},
              map: {type: object, additionalProperties: {type: object, properties: {y: {type: string}}}},
              list: {type: array, items: {type: object, properties: {z: {type: string}}}},
              whole: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}}}}}
            """)
        let value = try Manifest.value(
            """
            {apiVersion: a/v1, kind: K, metadata: {name: n}, more: 1, spec: {a: b, c: d,
              open: {any: {deep: 1}, known: {x: s, w: t}}, map: {k: {y: s, q: 1}}, list: [{z: s}, {p: 1}],
              whole: {apiVersion: v1, kind: Pod, metadata: {labels: {}}, other: 1}}}
            """)
        var unknown: [String] = []
        let pruned = schema.pruned(value, isObject: true, unknown: &unknown)
        #expect(
            unknown.sorted() == [
                "more", "spec.c", "spec.list[1].p", "spec.map.k.q", "spec.open.known.w", "spec.whole.other",
            ])
        let expected = try Manifest.value(
            """
            {apiVersion: a/v1, kind: K, metadata: {name: n}, spec: {a: b,
              open: {any: {deep: 1}, known: {x: s}}, map: {k: {y: s}}, list: [{z: s}, {}],
              whole: {apiVersion: v1, kind: Pod, metadata: {labels: {}}}}}
            """)
        #expect(pruned == expected)
    }

    @Test("absent members get their defaults, also in what was a default, in lists and in maps")
    func defaulting() throws {
        let schema = try Self.schema(
            """
            {type: object, properties: {
              a: {type: integer, default: 1}, n: {type: string, nullable: true, default: x}, gone: {type: string},
              o: {type: object, default: {}, properties: {p: {type: string, default: q}}},
              l: {type: array, items: {type: object, properties: {z: {type: boolean, default: true}}}},
              m: {type: object, additionalProperties: {type: object, properties: {z: {type: boolean, default: true}}}}}}
            """)
        let value = try Manifest.value("{a: null, n: null, gone: null, l: [{}], m: {k: {}}}")
        let expected = try Manifest.value("{a: 1, n: null, o: {p: q}, l: [{z: true}], m: {k: {z: true}}}")
        #expect(schema.defaulted(value) == expected)
    }

    @Test("null in a map and in a list is as absent, except where it is a value")
    func nulls() throws {
        let schema = try Self.schema(
            """
            {type: object, properties: {
              labels: {type: object, additionalProperties: {type: string}},
              known: {type: object, additionalProperties: {type: string, default: x}},
              nullable: {type: object, additionalProperties: {type: string, nullable: true}},
              open: {type: object, additionalProperties: true},
              list: {type: array, items: {type: string, default: x}}}}
            """)
        let value = try Manifest.value(
            "{labels: {a: null, b: c}, known: {a: null}, nullable: {a: null}, open: {a: null}, list: [null, z]}")
        let expected = try Manifest.value(
            "{labels: {b: c}, known: {a: x}, nullable: {a: null}, open: {a: null}, list: [x, z]}")
        #expect(schema.defaulted(value) == expected)
    }

    @Test("what did not change is not judged anew by a schema that became stricter")
    func ratcheting() throws {
        let schema = try Self.schema(
            """
            {type: object, properties: {a: {type: integer}, b: {type: string},
              list: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [k], items: {type: object,
                properties: {k: {type: string}, v: {type: string, maxLength: 1}}}},
              plain: {type: array, items: {type: string, maxLength: 1}}}}
            """)
        func faults(_ value: String, _ former: String) throws -> [String] {
            var errors = FieldErrors()
            schema.validate(try Manifest.value(value), former: try Manifest.value(former), into: &errors)
            return errors.causes.map(\.field)
        }
        #expect(try faults("{a: x, b: new}", "{a: x, b: old}") == [])
        #expect(try faults("{a: y}", "{a: x}") == ["a"])
        #expect(try faults("{list: [{k: b, v: ok}, {k: a, v: xx}]}", "{list: [{k: a, v: xx}]}") == ["list[0].v"])
        #expect(try faults("{plain: [xx, y]}", "{plain: [xx, y]}") == [])
        #expect(try faults("{plain: [xx, z]}", "{plain: [xx, y]}") == ["plain[0]"])
    }

    @Test("long names and many unknown fields are cut short")
    func longNames() throws {
        let schema = try Self.schema(
            "{type: object, properties: {m: {type: object, additionalProperties: {type: object}}}}")
        let inner = Dictionary(uniqueKeysWithValues: (0..<3_000).map { ("f\($0)", JSONValue.integer(1)) })
        let value: JSONValue = ["m": .object([String(repeating: "k", count: 100_000): .object(inner)])]
        var unknown: [String] = []
        #expect(schema.pruned(value, unknown: &unknown)["m"]?.objectValue?.values.map { $0 } == [[:]])
        #expect(unknown.count == 1_000)
        #expect(unknown.allSatisfy { $0.utf8.count < 1_100 })
    }

    @Test("the patterns of one object share a budget")
    func sharedBudget() throws {
        let text = "\"" + String(repeating: "a", count: 1_000) + "\""
        let values = "[" + Array(repeating: text, count: 12).joined(separator: ", ") + "]"
        let faults = try Self.faults("{type: array, items: {type: string, pattern: '(a?){1000}b'}}", values)
        #expect(faults.count == 12)
        #expect(faults.first?.hasSuffix("should match '(a?){1000}b'") == true)
        #expect(faults.last?.hasSuffix("which takes too long to find out") == true)
    }
}

@Suite("Patterns") struct TextPatternTests {
    @Test(
        "match as in RE2",
        arguments: [
            ("a", "cat", true), ("^a", "cat", false), ("^c.t$", "cat", true), ("^(a|b)*c$", "ababc", true),
            ("^[^a-c]+$", "xyz", true), ("^[^a-c]+$", "xaz", false), ("^a{2,3}$", "aa", true),
            ("^a{2,3}$", "aaaa", false),
            ("^a{2,}$", "aaaaa", true), ("^\\d+(\\.\\d+)?$", "1.25", true), ("^\\w+@\\w+$", "a@b", true),
            ("\\bfoo\\b", "a foo b", true),
            ("\\bfoo\\b", "afoob", false), ("^(?:x|y)z?$", "y", true), ("^(?i)abc$", "aBC", true),
            ("^(?P<n>a)b$", "ab", true),
            ("^[[:alpha:]_-]+$", "a_b-c", true), ("^\\p{Lu}\\p{Ll}+$", "Äpfel", true), ("^a*?b$", "aab", true),
            ("^(\\*|[0-9]+)(/[0-9]+)?$", "*/5", true), ("", "", true), ("^$", "x", false), ("^.$", "\n", false),
            ("^(?s).$", "\n", true),
            ("^\\x41\\x{42}$", "AB", true), ("^\\Q.*\\E$", ".*", true), ("^[a\\]b]+$", "]ab", true),
            ("a{,2}", "a{,2}", true),
            ("^([a-z0-9]([-a-z0-9]*[a-z0-9])?\\.)+[a-z]{2,}$", "my-host.example.com", true), ("^é$", "é", true),
        ])
    func matching(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(try TextPattern(pattern).matches(text) == expected)
    }

    @Test(
        "what RE2 does not have is refused",
        arguments: [
            "(", ")", "[a", "a**", "*a", "(?=a)", "(?<!a)b", "\\1", "a{1001}", "[z-a]", "\\",
            "(((a{1000}){1000}){1000})", "(a{40}){40}", "(((((){1000}){1000}){1000}){1000}){1000}",
            String(repeating: "(){1000}", count: 50), String(repeating: "[a-z]", count: 20_000),
        ])
    func refusal(_ pattern: String) {
        #expect(throws: TextPattern.Fault.self) { try TextPattern(pattern) }
    }

    @Test("a pattern that would take a backtracking matcher for ever ends, and long texts end at the budget")
    func hostile() throws {
        let text = String(repeating: "a", count: 200) + "!"
        #expect(try TextPattern("^(a+)+$").matches(text) == false)
        #expect(try TextPattern("^(a|aa)*b$").matches(text) == false)
        let long = String(repeating: "a", count: 100_000)
        #expect(try TextPattern("(a?){500}b").matches(long) == nil)
    }
}

@Suite("Column paths") struct ColumnPathTests {
    @Test(
        "find what kubectl shows",
        arguments: [
            (".spec.replicas", ["3"]), (".status.conditions[?(@.type==\"Ready\")].status", ["\"True\""]),
            (".spec.list[0]", ["\"a\""]), (".spec.list[-1]", ["\"c\""]), (".spec.list[0:2]", ["\"a\"", "\"b\""]),
            (".spec.list[*]", ["\"a\"", "\"b\"", "\"c\""]), (".metadata.labels.app\\.io/x", ["\"z\""]),
            (".metadata.labels['app.io/x']", ["\"z\""]), (".spec.none", []), ("..status", []),
            (".status.conditions[?(@.n>1)].type", ["\"Other\""]),
        ] as [(String, [String])])
    func values(_ path: String, _ expected: [String]) throws {
        let object = try Manifest.value(
            """
            {metadata: {labels: {app.io/x: z}}, spec: {replicas: 3, list: [a, b, c]},
             status: {conditions: [{type: Ready, status: 'True', n: 1}, {type: Other, status: 'False', n: 2}]}}
            """)
        let found = try #require(ColumnPath(path)).values(in: object).map(\.description)
        if path != "..status" { #expect(found == expected) } else { #expect(found.count == 3) }
    }

    @Test("no paths are refused", arguments: ["spec", ".a[", ".a[?(b)]", ".a..", ".a[x]"])
    func refusal(_ path: String) { #expect(ColumnPath(path) == nil) }

    @Test("paths that are long or deep are refused")
    func bounds() {
        func nested(_ depth: Int) -> String {
            String(repeating: ".a[?(@", count: depth) + ".b" + String(repeating: ")]", count: depth)
        }
        #expect(ColumnPath(nested(8)) != nil)
        #expect(ColumnPath(nested(9)) == nil)
        #expect(ColumnPath(".a" + String(repeating: "[?(@", count: 700_000)) == nil)
        #expect(ColumnPath(String(repeating: ".a", count: 600)) == nil)
        #expect(ColumnPath(".a..b..c") != nil)
        #expect(ColumnPath("..a..b..c") == nil)
        #expect(ColumnPath("..a..b[?(@..c)]") == nil)
    }
}
