import JSON
import Testing

@testable import Resources

@Suite("Validation corpus") struct CorpusTests {
    @Test("every kind that the API serves has two good and two bad objects at least, and there are more than 200")
    func completeness() throws {
        let types = Corpus.all.flatMap(\.good.values).compactMap { object in
            ResourceType.of(
                apiVersion: object["apiVersion"]?.stringValue ?? "", kind: object["kind"]?.stringValue ?? "")
        }
        #expect(Set(ResourceType.all).subtracting(types) == [])
        for kind in Corpus.all {
            #expect(kind.good.count >= 2 && kind.bad.count >= 2, "\(kind.name)")
            #expect(kind.good["minimal"] != nil, "\(kind.name)")
        }
        #expect(Corpus.all.reduce(0) { $0 + $1.good.count + $1.bad.count } > 200)
    }

    @Test("good objects are admitted, and admitted again unchanged", arguments: Corpus.all.map(\.name))
    func admitted(_ name: String) throws {
        let kind = try #require(Corpus.all.first { $0.name == name })
        for (name, object) in kind.good {
            let first = try #require(try? Manifest.admit(object).resource, "\(name)")
            let again = try Admission.update(first.value, old: first).resource
            #expect(again == first, "\(name)")
        }
    }

    @Test("bad objects are refused with the error of a real API server", arguments: Corpus.all.flatMap(\.bad))
    func refused(_ bad: Corpus.Bad) throws {
        var object = bad.object
        object[at: bad.path] = bad.value
        let error = try #require(throws: StatusError.self) { try Manifest.admit(object) }
        #expect(error.code == 422 && error.reason == .invalid)
        let type = try #require(
            ResourceType.of(
                apiVersion: object["apiVersion"]?.stringValue ?? "", kind: object["kind"]?.stringValue ?? ""))
        let name = object[at: "metadata.name"]?.stringValue ?? ""
        #expect(error.message == "\(type.qualifiedKind) \"\(name)\" is invalid: \(bad.message)")
        let details = try #require(error.details)
        #expect(details.kind == type.kind && details.name == name)
        #expect((details.group ?? "") == type.group)
        for cause in details.causes {
            #expect(bad.message.contains("\(cause.field): \(cause.message)"))
            #expect(cause.reason == Self.reason(cause.message), "\(cause.message)")
        }
    }

    /// How each kind of fault begins, and its word.
    private static func reason(_ message: String) -> String? {
        [
            ("Required value", "FieldValueRequired"), ("Invalid value", "FieldValueInvalid"),
            ("Unsupported value", "FieldValueNotSupported"), ("Duplicate value", "FieldValueDuplicate"),
            ("Forbidden", "FieldValueForbidden"), ("Too long", "FieldValueTooLong"),
            ("Too many", "FieldValueTooMany"), ("Not found", "FieldValueNotFound"),
        ].first { message.hasPrefix($0.0) }?.1
    }
}
