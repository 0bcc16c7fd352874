import ArgumentParser
import AsyncHTTPClient
import JSON
import Linux
import NIOCore
import NIOHTTP1
import Resources
import YAML

/// `wherry apply -f FILE`: for a device without kubectl.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Create or change the objects in a manifest.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: NamespaceOptions
    @Option(name: .shortAndLong, help: "YAML or JSON, or - for standard input; may be repeated.")
    var filename: [String]

    func run() async throws {
        let client = try LocalClient(client)
        for file in filename {
            for object in try Manifest.read(file) where !object.isNull {
                print(try await apply(object, from: file, with: client))
            }
        }
    }

    private func apply(_ object: JSONValue, from file: String, with client: LocalClient) async throws -> String {
        guard let apiVersion = object["apiVersion"]?.stringValue, let kind = object["kind"]?.stringValue,
            let name = object[path: "metadata", "name"]?.stringValue
        else { throw CommandError("\(file): an object needs apiVersion, kind and metadata.name") }
        guard let type = ResourceType.of(apiVersion: apiVersion, kind: kind) else {
            throw CommandError("\(file): no matches for kind \"\(kind)\" in version \"\(apiVersion)\"")
        }
        let namespace = object[path: "metadata", "namespace"]?.stringValue ?? scope.namespace
        let collection = ObjectPath.collection(type, namespace: namespace)
        let query = [("fieldManager", "wherry"), ("fieldValidation", "Strict")]
        let label = "\(type.group.isEmpty ? kind.lowercased() : "\(kind.lowercased()).\(type.group)")/\(name)"
        let existing = try await client.send(.GET, "\(collection)/\(name)")
        _ = try await existing.body.collect(upTo: 16 << 20)
        if existing.status == .notFound {
            _ = try await client.json(.POST, collection, query: query, body: object)
            return "\(label) created"
        }
        _ = try await client.json(
            .PATCH, "\(collection)/\(name)", query: query, body: object,
            contentType: "application/strategic-merge-patch+json")
        return "\(label) configured"
    }
}

/// `wherry get KIND [NAME]`
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show objects.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: NamespaceOptions
    @Flag(name: [.customShort("A"), .long], help: "Objects of every namespace.")
    var allNamespaces = false
    @Option(name: .shortAndLong, help: "yaml or json.")
    var output: String?
    @Argument(help: "A kind: pods, deploy, nodes, …")
    var kind: String
    @Argument(help: "One object's name.")
    var name: String?

    func run() async throws {
        let type = try ObjectPath.type(named: kind)
        var path = ObjectPath.collection(type, namespace: allNamespaces ? nil : scope.namespace)
        if let name { path += "/\(name)" }
        let client = try LocalClient(client)
        switch output {
        case nil:
            let accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
            let table = try await client.json(.GET, path, headers: [("Accept", accept)])
            printTable(table, withNamespaces: allNamespaces && type.namespaced)
        case "json":
            print(String(decoding: try await client.json(.GET, path).serialized(pretty: true), as: UTF8.self))
        case "yaml":
            print(YAMLWriter.write(try await client.json(.GET, path)), terminator: "")
        case let other?:
            throw ValidationError("unknown output \(other): yaml or json")
        }
    }

    private func printTable(_ table: JSONValue, withNamespaces: Bool) {
        let columns = table["columnDefinitions"]?.arrayValue ?? []
        let shown = columns.indices.filter { columns[$0]["priority"]?.intValue ?? 0 == 0 }
        var rows = [shown.map { (columns[$0]["name"]?.stringValue ?? "").uppercased() }]
        if withNamespaces { rows[0].insert("NAMESPACE", at: 0) }
        for row in table["rows"]?.arrayValue ?? [] {
            let cells = row["cells"]?.arrayValue ?? []
            var texts = shown.map { $0 < cells.count ? cells[$0].stringValue ?? "\(cells[$0])" : "" }
            if withNamespaces {
                texts.insert(row[path: "object", "metadata", "namespace"]?.stringValue ?? "", at: 0)
            }
            rows.append(texts)
        }
        if rows.count == 1 {
            Wherry.write(toStandardError: "No resources found")
        } else {
            TextTable.print(rows)
        }
    }
}

/// `wherry delete KIND NAME...` or `wherry delete -f FILE`
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete objects.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: NamespaceOptions
    @Argument(help: "A kind: pods, deploy, nodes, …")
    var kind: String
    @Argument(help: "The objects' names.")
    var names: [String]

    func run() async throws {
        let type = try ObjectPath.type(named: kind)
        let client = try LocalClient(client)
        for name in names {
            let path = "\(ObjectPath.collection(type, namespace: scope.namespace))/\(name)"
            _ = try await client.json(.DELETE, path, body: ["propagationPolicy": "Background"])
            print("\(type.kind.lowercased())/\(name) deleted")
        }
    }
}

/// `wherry logs POD`
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "logs", abstract: "Print a pod's log.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var scope: NamespaceOptions
    @Flag(name: .shortAndLong, help: "Go on printing as lines come.")
    var follow = false
    @Flag(name: .shortAndLong, help: "The container's run before this one.")
    var previous = false
    @Option(name: .shortAndLong, help: "The container, where the pod has several.")
    var container: String?
    @Option(help: "How many of the last lines.")
    var tail: Int?
    @Argument
    var pod: String

    func run() async throws {
        var query: [(String, String)] = []
        if follow { query.append(("follow", "true")) }
        if previous { query.append(("previous", "true")) }
        if let container { query.append(("container", container)) }
        if let tail { query.append(("tailLines", "\(tail)")) }
        let path = "\(ObjectPath.collection(.pod, namespace: scope.namespace))/\(pod)/log"
        let response = try await LocalClient(client).send(.GET, path, query: query)
        guard response.status == .ok else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            throw CommandError(LocalClient.message(in: bytes) ?? "\(response.status)")
        }
        for try await chunk in response.body {
            chunk.withUnsafeReadableBytes { _ = Linux.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        }
    }
}

/// The namespace of a verb on objects.
struct NamespaceOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The namespace.")
    var namespace = "default"
}

/// Where an object's kind lives under the API.
enum ObjectPath {
    static func collection(_ type: ResourceType, namespace: String?) -> String {
        let root = type.group.isEmpty ? "/api/\(type.version)" : "/apis/\(type.group)/\(type.version)"
        guard type.namespaced, let namespace else { return "\(root)/\(type.plural)" }
        return "\(root)/namespaces/\(namespace)/\(type.plural)"
    }

    static func type(named name: String) throws -> ResourceType {
        let wanted = name.lowercased()
        let found = ResourceType.all.first {
            [$0.plural, $0.singular, $0.kind.lowercased()].contains(wanted) || $0.shortNames.contains(wanted)
        }
        guard let found else {
            throw CommandError("the server doesn't have a resource type \"\(name)\"")
        }
        return found
    }
}

/// Reads manifests.
enum Manifest {
    static func read(_ file: String) throws -> [JSONValue] {
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
