import JSON
import Testing
import YAML

@Suite struct YAMLWriterTests {
    @Test func objectIsWrittenInBlockStyle() {
        let value: JSONValue = [
            "kind": "Pod", "items": [["a": 1, "b": [1, 2]], [], [[1], [2]]],
            "metadata": ["labels": [:], "name": "x"], "script": "a\nb\n", "n": .null,
        ]
        #expect(
            YAMLWriter.write(value) == """
                items:
                - a: 1
                  b:
                  - 1
                  - 2
                - []
                - - - 1
                  - - 2
                kind: Pod
                metadata:
                  labels: {}
                  name: x
                "n": null
                script: |
                  a
                  b

                """)
    }

    @Test(arguments: [
        "", " ", "a", "a b", "1", "1.5", "true", "yes", "null", "~", "0644", "a: b", "a #b", "#a", "- a", "-a", "a:",
        "'a'", "\"a\"", "[a", "{a", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", "?", ":", "a\nb", "a\nb\n",
        "a\n\nb\n\n", "\na", " a\nb", "a\n b", "\n", "\t", "a\tb", "é😀", "\u{1}", "\u{85}", "\u{2028}", "\u{FEFF}",
        "---", "--- a", "...", "2001-01-01", "1:30", "<<", "=", ",a", "a,b", "a\r\nb", "a  \nb", "a\n\t", "x\n#y\n",
        "x\n---\ny", "🇩🇪",
    ])
    func stringReadsBackAsItself(_ text: String) throws {
        for value in [.string(text), ["k": .string(text)], [.string(text)], ["a": [["k": .string(text)]]]]
            as [JSONValue]
        {
            #expect(try YAMLReader.documents(in: YAMLWriter.write(value)) == [value])
        }
    }
}
