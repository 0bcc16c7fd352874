import JSON
import Linux
import Resources
import YAML

/// An object that a manifest describes, and where it lives under the API.
struct ManifestObject {
    let value: JSONValue
    let path: String
    /// As kubectl writes it: `deployment.apps/web`.
    let label: String

    init(_ value: JSONValue, namespace: String, file: String, types: TypeCatalog) throws {
        guard let apiVersion = value["apiVersion"]?.stringValue, let kind = value["kind"]?.stringValue,
            let name = value[path: "metadata", "name"]?.stringValue
        else { throw CommandError("\(file): an object needs apiVersion, kind and metadata.name") }
        guard let type = types.served(apiVersion: apiVersion, kind: kind) else {
            throw CommandError("\(file): no matches for kind \"\(kind)\" in version \"\(apiVersion)\"")
        }
        let namespace = value[path: "metadata", "namespace"]?.stringValue ?? namespace
        self.value = value
        path = "\(ObjectPath.collection(type, namespace: namespace))/\(name)"
        label = "\(kind.lowercased())\(type.group.isEmpty ? "" : ".\(type.group)")/\(name)"
    }
}

/// Reads manifests: all of them before anything is done with one.
enum Manifest {
    /// - Parameter namespace: of objects that name none.
    /// - Parameter types: what is known beside the kinds that the manifests define.
    static func objects(
        in files: [String], namespace: String, types: TypeCatalog = .builtIn
    ) throws -> [ManifestObject] {
        let documents = try files.map { file in (file, try read(file).filter { !$0.isNull }) }
        let definitions = documents.flatMap(\.1).filter {
            $0["kind"]?.stringValue == ResourceType.customResourceDefinition.kind
        }
        let known = types.adding(TypeCatalog(definitions, all: true))
        return try documents.flatMap { file, values in
            try values.map { try ManifestObject($0, namespace: namespace, file: file, types: known) }
        }
    }

    private static func read(_ file: String) throws -> [JSONValue] {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(file == "-" ? "/dev/stdin" : file)
        } catch {
            throw CommandError("cannot read \(file): \(error)")
        }
        do {
            return try YAMLReader.documents(in: bytes).flatMap { document in
                document["kind"]?.stringValue == "List" ? document["items"]?.arrayValue ?? [] : [document]
            }
        } catch {
            throw CommandError("\(file): \(error)")
        }
    }
}
