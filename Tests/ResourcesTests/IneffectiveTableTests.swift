import JSON
import Linux
import Testing

@testable import Resources

/// The table against the shapes, against what `kubectl explain` says, and against the documentation.
@Suite("The table of what has no effect")
struct IneffectiveTableTests {
    private typealias Step = (structure: String, field: String)

    /// The fields along a path, but for names in maps; nil when there is no such field.
    private static func steps(_ path: String, from root: ObjectSchema?) -> [Step]? {
        var (node, steps): (SchemaNode?, [Step]) = (root.map { .object($0) }, [])
        for part in path.split(separator: ".") {
            if case .map(let value)? = node {
                node = value
                continue
            }
            let name = part.hasSuffix("[]") ? String(part.dropLast(2)) : String(part)
            guard let schema = node?.object, let field = schema[name] else { return nil }
            steps.append((schema.name, name))
            node = field.node
            if case .array(let element)? = node, part.hasSuffix("[]") { node = element }
        }
        return steps
    }

    private static func element(_ node: SchemaNode?) -> ObjectSchema? {
        if case .array(let element)? = node { element.object } else { nil }
    }

    private static let pod = ResourceType.pod.schema["spec"]?.node.object
    private static let container = element(pod?["containers"]?.node)

    @Test("every field of the table exists")
    func paths() {
        for field in Ineffective.pods { #expect(Self.steps(field.path, from: Self.pod) != nil, "\(field.path)") }
        for field in Ineffective.containers {
            #expect(Self.steps(field.path, from: Self.container) != nil, "\(field.path)")
        }
        for (type, fields) in Ineffective.fieldsAtHub {
            for field in fields { #expect(Self.steps(field.path, from: type.schema) != nil, "\(field.path)") }
        }
    }

    /// For what reason, the table says.
    private static let silent: Set<String> = [
        "PodSpec.priorityClassName", "PodSpec.priority", "PodSpec.preemptionPolicy", "PodSpec.enableServiceLinks",
        "PodSpec.overhead", "PodSpec.topologySpreadConstraints", "PodSpec.workloadRef", "Container.resizePolicy",
        "PodSecurityContext.fsGroupChangePolicy", "PodSecurityContext.seLinuxChangePolicy",
    ]

    @Test("what is carried and not used is told of, or silent on purpose")
    func carried() {
        let structures: Set = [
            "PodSpec", "PodSecurityContext", "Container", "SecurityContext", "ContainerPort", "ResourceRequirements",
            "VolumeMount", "EmptyDirVolumeSource", "EnvVarSource", "Probe", "Lifecycle", "LifecycleHandler",
        ]
        let carried = SchemaDescriptions.table.filter { key, text in
            text == "Carried, not used." && structures.contains(String(key.prefix { $0 != "." }))
        }
        let told =
            Ineffective.pods.flatMap { Self.steps($0.path, from: Self.pod) ?? [] }
            + Ineffective.containers.flatMap { Self.steps($0.path, from: Self.container) ?? [] }
        let names = Set(told.map { "\($0.structure).\($0.field)" })
        #expect(Set(carried.keys).subtracting(names) == Self.silent)
    }

    /// As `docs/no-effect.md` has it.
    private static func row(_ field: IneffectiveField) -> String {
        var text = "`\(field.path)`"
        if let only = field.only {
            text = only.map { "`\(field.path): \($0.stringValue ?? "\($0)")`" }.joined(separator: ", ")
        }
        if !field.butNot.isEmpty {
            text += " other than " + field.butNot.map { "`\($0.stringValue ?? "\($0)")`" }.joined(separator: ", ")
        }
        if let unless = field.unless { text += ", unless \(unless.text)" }
        return "| \(text) | \(field.words) |"
    }

    private static func rows(_ kinds: [ResourceType: String]) -> [String] {
        kinds.map { "| `\($0.kind)` | \($1) |" }.sorted()
    }

    private static func rows(_ fields: [ResourceType: [IneffectiveField]]) -> [String] {
        fields.sorted { $0.key.kind < $1.key.kind }.flatMap { type, fields in
            fields.map { row($0).replacing("| `", with: "| \(type.kind): `", maxReplacements: 1) }
        }
    }

    @Test("the documentation has the table, line by line")
    func documentation() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = String(decoding: try Files.read("/\(root)/docs/no-effect.md"), as: UTF8.self)
        let lines = text.split(separator: "\n").map(String.init)
            .filter { $0.hasPrefix("| ") && !$0.hasPrefix("| ---") && !$0.hasSuffix("| why |") }
        let tables: [[String]] = [
            Self.rows(Ineffective.kinds), Ineffective.pods.map(Self.row), Ineffective.containers.map(Self.row),
            Self.rows(Ineffective.kindsAtHub), Self.rows(Ineffective.fieldsAtHub),
        ]
        let expected = tables.flatMap { $0 }
        #expect(lines == expected, "the lines should be:\n\(expected.joined(separator: "\n"))")
    }
}
