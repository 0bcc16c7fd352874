import JSON
import Testing

@testable import Resources

@Suite struct ShapeTests {
    @Test("every struct that a text names exists, and no kind's shape is empty")
    func everyNameResolves() {
        let basic: Set<Substring> = [
            "string", "int32", "int64", "bool", "double", "bytes", "quantity", "intOrString", "time", "microTime",
            "duration", "raw", "fields",
        ]
        func check(_ text: String, _ package: String) {
            for line in text.split(separator: "\n") where line.hasPrefix(" ") {
                let words = line.split(separator: " ")
                let type = words[words[0].hasPrefix("&") ? 1 : 2].filter { !"[]{}!?".contains($0) }
                if basic.contains(Substring(type)) { continue }
                #expect(ShapeLibrary.shared.shape(type, in: package) != nil, "\(package): \(line)")
            }
        }
        check(SharedShapes.meta, "meta.v1")
        check(SharedShapes.core, "core.v1")
        check(SharedShapes.apps, "apps.v1")
        for kind in Kind.all {
            check(kind.schema, kind.type.package)
            #expect(kind.type.schema["metadata"] != nil)
        }
    }

    @Test("the structs have the declared fields; what a struct cannot do without is declared as always there")
    func structsAreComplete() {
        func compare(_ own: SchemaNode, _ full: SchemaNode, _ path: String) {
            switch (own, full) {
            case (.object(let mine), .object(let theirs)):
                let (names, wanted) = (Set(mine.fields.map(\.name)), Set(theirs.fields.map(\.name)))
                #expect(names == wanted, "\(path): \(names.symmetricDifference(wanted))")
                for field in mine.fields {
                    guard let other = theirs[field.name] else { continue }
                    #expect(!field.required || other.required, "\(path).\(field.name)")
                    compare(field.node, other.node, "\(path).\(field.name)")
                }
            case (.array(let mine), .array(let theirs)), (.map(let mine), .map(let theirs)):
                compare(mine, theirs, path)
            case (.any, _), (.integer, .integer), (.string, .bytes), (.time, .microTime): break
            default: #expect(own.goName == full.goName, "\(path)")
            }
        }
        for type in ResourceType.modelled {
            func record<T: Decodable>(_ object: T.Type) -> SchemaNode { SchemaRecorder.record(object).node }
            compare(record(type.objectType), .object(type.schema), type.kind)
        }
    }
}
