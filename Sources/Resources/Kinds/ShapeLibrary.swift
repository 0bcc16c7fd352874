import JSON
import Synchronization

/// The shapes of structs, from the texts of the declarations; each is made when it is first asked for.
///
/// In a text a struct's name stands alone in a line; its fields follow, indented: JSON name, field number in protobuf, type,
/// and how a strategic merge treats it. Types: `string int32 int64 bool double bytes quantity intOrString time microTime
/// duration raw`, `[T]`, `{T}` for a map, or a struct; `!` marks a field that is always there, `?` one whose empty
/// value is not the same as none. `&2 T` takes in the fields of
/// T, which protobuf keeps in a message of its own under that number. `merge=KEY`, `merge` and `retainKeys` are Kubernetes'
/// patch strategies, `map=K,L`, `set` and `atomic` its list types; `atomic` behind a struct's name or a map is its struct and
/// map type, `granular` takes that back for one field. `=VALUE` is the default of a field that is the key of a list.
final class ShapeLibrary: Sendable {
    static let shared = ShapeLibrary()

    /// By package and struct: the lines of its fields.
    private let texts: [String: [Substring]]
    /// Package and struct of those that have one owner.
    private let atomic: Set<String>
    private let known = Mutex<[String: ObjectSchema]>([:])

    private init() {
        var texts: [String: [Substring]] = [:]
        var atomic: Set<String> = []
        func add(_ text: String, _ package: String) {
            var current = ""
            for line in text.split(separator: "\n") {
                if line.hasPrefix(" ") {
                    texts[current, default: []].append(line)
                } else {
                    let words = line.split(separator: " ")
                    current = "\(package):\(words[0])"
                    texts[current] = []
                    if words.dropFirst().contains("atomic") { atomic.insert(current) }
                }
            }
        }
        add(SharedShapes.meta, "meta.v1")
        add(SharedShapes.core, "core.v1")
        add(SharedShapes.apps, "apps.v1")
        for kind in Kind.all { add(kind.schema, kind.type.package) }
        for kind in RequestKind.all { add(kind.schema, kind.type.package) }
        for form in ServedForm.all { add(form.schema, form.type.package) }
        self.texts = texts
        self.atomic = atomic
    }

    /// A struct as one of `package` sees it: its own first, then the shared ones.
    func shape(_ name: String, in package: String) -> ObjectSchema? {
        for place in [package, "meta.v1", "core.v1"] {
            let key = "\(place):\(name)"
            if let shape = known.withLock({ $0[key] }) { return shape }
            guard let lines = texts[key] else { continue }
            let shape = make(name, lines, in: place)
            known.withLock { $0[key] = shape }
            return shape
        }
        return nil
    }

    private func make(_ name: String, _ lines: [Substring], in package: String) -> ObjectSchema {
        var fields: [ObjectSchema.Field] = []
        var inlined: [Int: ObjectSchema] = [:]
        for line in lines {
            let words = line.split(separator: " ")
            guard words[0].hasPrefix("&") else {
                fields.append(field(words, in: package))
                continue
            }
            guard let part = shape(String(words[1]), in: package) else { continue }
            if let number = Int(words[0].dropFirst()) { inlined[number] = part }
            fields += part.fields.map(\.withoutNumber)
        }
        return ObjectSchema(
            name: name, fields: fields, package: package, inlined: inlined,
            isAtomic: atomic.contains("\(package):\(name)"))
    }

    private func field(_ words: [Substring], in package: String) -> ObjectSchema.Field {
        let isRequired = words[2].hasSuffix("!")
        let tellsUnset = words[2].hasSuffix("?")
        return ObjectSchema.Field(
            name: String(words[0]), node: node(isRequired || tellsUnset ? words[2].dropLast() : words[2], in: package),
            required: isRequired, merge: merge(words.dropFirst(3)), number: Int(words[1]), tellsUnset: tellsUnset,
            ownership: OwnershipRule(words.dropFirst(3)),
            keyDefault: words.dropFirst(3).first { $0.hasPrefix("=") }.map { .string(String($0.dropFirst())) })
    }

    private func merge(_ words: ArraySlice<Substring>) -> MergeStrategy? {
        var strategy = MergeStrategy(mergesList: false)
        var mapKeys: [String] = []
        for word in words {
            let parts = word.split(separator: "=")
            switch parts[0] {
            case "merge":
                strategy.mergesList = true
                strategy.keys = parts.dropFirst().map(String.init)
            case "retainKeys": strategy.retainsKeys = true
            case "map": mapKeys = parts[1].split(separator: ",").map(String.init)
            default: break
            }
        }
        guard strategy.mergesList || strategy.retainsKeys else { return nil }
        if !strategy.keys.isEmpty { strategy.keys += mapKeys.filter { !strategy.keys.contains($0) } }
        return strategy
    }

    private func node(_ text: Substring, in package: String) -> SchemaNode {
        if text.hasPrefix("[") { return .array(node(text.dropFirst().dropLast(), in: package)) }
        if text.hasPrefix("{") { return .map(node(text.dropFirst().dropLast(), in: package)) }
        switch text {
        case "string": return .string
        case "int32": return .integer(.bits32)
        case "int64": return .integer(.bits64)
        case "bool": return .boolean
        case "double": return .number
        case "bytes": return .bytes
        case "quantity": return .quantity
        case "intOrString": return .intOrString
        case "time": return .time
        case "microTime": return .microTime
        case "duration", "fields", "raw": return .any
        default: return shape(String(text), in: package).map { .object($0) } ?? .any
        }
    }
}

extension ResourceType {
    /// Where its structs are: `core.v1`, `networking.v1`.
    var package: String { "\(group.isEmpty ? "core" : group.prefix { $0 != "." }).\(version)" }
}
