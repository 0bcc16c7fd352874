public import JSON

/// A kind that a CustomResourceDefinition defines: names, versions, schemas. Never changed: a new state of the definition makes a new one.
public final class CustomKind: Sendable {
    /// Where replicas stand in an object that can be scaled.
    struct ScalePaths: Sendable {
        /// Members that one of them may name.
        static let lengthLimit = 32

        let specReplicas: [String]
        let statusReplicas: [String]
        let selector: [String]?
    }

    /// One version in which its objects are served.
    public struct Version: Sendable {
        public let name: String
        public let isServed: Bool
        let isStored: Bool
        /// What clients of a deprecated version are told; nil for others.
        public let deprecation: String?
        let schema: StructuralSchema
        /// Without the name, which is always the first.
        public let columns: [CustomColumn]
        let hasStatus: Bool
        let scale: ScalePaths?
        /// Dotted paths of the fields that selectors may name.
        let selectableFields: [String]
    }

    /// `plural.group`: the definition's name.
    public let name: String
    public let group: String
    let plural: String
    let singular: String
    let kind: String
    let listKind: String
    let shortNames: [String]
    let categories: [String]
    let isNamespaced: Bool
    public let versions: [Version]
    let storedVersion: String
    /// Whether the definition is being deleted: then nothing new is made.
    public let isTerminating: Bool
    /// Changes with the definition's spec, and with the names that are accepted.
    public let fingerprint: String

    /// nil for a document that defines nothing.
    public init?(_ definition: JSONValue) {
        guard let spec = definition["spec"], let stated = spec["names"] else { return nil }
        // What it asks for and somebody else has is not served. Before it is settled there is only what it asks for.
        let accepted = definition[path: "status", "acceptedNames"] ?? [:]
        let names = accepted.text("plural").isEmpty || accepted.text("kind").isEmpty ? stated : accepted
        group = spec.text("group")
        plural = names.text("plural")
        kind = names.text("kind")
        guard !group.isEmpty, !plural.isEmpty, !kind.isEmpty else { return nil }
        name = "\(plural).\(group)"
        let (kind, group) = (self.kind, self.group)
        singular = names.text("singular").isEmpty ? kind.lowercased() : names.text("singular")
        listKind = names.text("listKind").isEmpty ? "\(kind)List" : names.text("listKind")
        shortNames = names.list("shortNames").compactMap(\.stringValue)
        categories = names.list("categories").compactMap(\.stringValue)
        isNamespaced = spec.text("scope") != "Cluster"
        versions = spec.list("versions").map { Version($0, group: group, kind: kind) }
        guard let stored = versions.first(where: \.isStored) else { return nil }
        storedVersion = stored.name
        isTerminating = definition[path: "metadata", "deletionTimestamp"] != nil
        let generation = definition[path: "metadata", "generation"]?.intValue ?? 0
        fingerprint = ([definition.text("metadata", "uid"), "\(generation)", kind, listKind, singular] + shortNames)
            .joined(separator: ":")
    }

    subscript(version: String) -> Version? { versions.first { $0.name == version } }

    /// The type under which its objects are stored.
    public var storedType: ResourceType { ResourceType(self, version: storedVersion) }

    /// The types that paths name.
    public var servedTypes: [ResourceType] {
        versions.filter(\.isServed).map { ResourceType(self, version: $0.name) }
    }
}

extension CustomKind.Version {
    fileprivate init(_ version: JSONValue, group: String, kind: String) {
        name = version.text("name")
        isServed = version["served"]?.boolValue ?? false
        isStored = version["storage"]?.boolValue ?? false
        if version["deprecated"]?.boolValue == true {
            let text = version.text("deprecationWarning")
            deprecation = text.isEmpty ? "\(group)/\(version.text("name")) \(kind) is deprecated" : text
        } else {
            deprecation = nil
        }
        schema = version[path: "schema", "openAPIV3Schema"].map(StructuralSchema.init) ?? .open
        let declared = version.list("additionalPrinterColumns").compactMap { CustomColumn($0) }
        columns = declared.isEmpty ? [CustomColumn.age].compactMap { $0 } : declared
        hasStatus = version[path: "subresources", "status"].map { !$0.isNull } ?? false
        scale = version[path: "subresources", "scale"].flatMap { scale in
            func path(_ name: String) -> [String]? { ColumnPath(scale.text(name))?.members }
            guard let spec = path("specReplicasPath"), let status = path("statusReplicasPath") else { return nil }
            let selector = scale.text("labelSelectorPath").isEmpty ? nil : path("labelSelectorPath")
            return CustomKind.ScalePaths(specReplicas: spec, statusReplicas: status, selector: selector)
        }
        selectableFields = version.list("selectableFields").map { String($0.text("jsonPath").drop { $0 == "." }) }
    }
}

extension ResourceType {
    /// What its definition says of this version; nil for built-in types.
    public var customVersion: CustomKind.Version? { custom?[version] }
}
