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
        let types = await client.types()
        for object in try Manifest.objects(in: filename, namespace: scope.namespace, types: types) {
            print(try await apply(object, with: client))
        }
    }

    /// Server-side apply: what was in the manifest before and is no longer goes away, what others set stays.
    private func apply(_ object: ManifestObject, with client: LocalClient) async throws -> String {
        let answer = try await client.success(
            .PATCH, object.path, query: [("fieldManager", "wherry"), ("fieldValidation", "Strict"), ("force", "true")],
            headers: [("Content-Type", "application/apply-patch+yaml")],
            body: .bytes(ByteBuffer(bytes: object.value.serialized())))
        return "\(object.label) \(answer.status == .created ? "created" : "configured")"
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
        let client = try LocalClient(client)
        let type = try await ObjectPath.type(named: kind, of: client)
        var path = ObjectPath.collection(type, namespace: allNamespaces ? nil : scope.namespace)
        if let name { path += "/\(name)" }
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
    @Option(name: .shortAndLong, help: "YAML or JSON, or - for standard input, with the objects; may be repeated.")
    var filename: [String] = []
    @Argument(help: "A kind: pods, deploy, nodes, …")
    var kind: String?
    @Argument(help: "The objects' names.")
    var names: [String] = []

    mutating func validate() throws {
        if filename.isEmpty ? names.isEmpty : kind != nil {
            throw ValidationError("name the objects by a kind and names, or by --filename")
        }
    }

    /// Goes on after an object that cannot be deleted, so that the same line can be given again.
    func run() async throws {
        let client = try LocalClient(client)
        var isWhole = true
        for object in try await objects(with: client) {
            do {
                _ = try await client.json(.DELETE, object.path, body: ["propagationPolicy": "Background"])
                print("\(object.label) deleted")
            } catch let error as CommandError {
                Wherry.write(toStandardError: "wherry: \(error)")
                isWhole = false
            }
        }
        if !isWhole { throw ExitCode.failure }
    }

    private func objects(with client: LocalClient) async throws -> [(path: String, label: String)] {
        guard let kind else {
            let types = await client.types()
            return try Manifest.objects(in: filename, namespace: scope.namespace, types: types)
                .map { ($0.path, $0.label) }
        }
        let type = try await ObjectPath.type(named: kind, of: client)
        let collection = ObjectPath.collection(type, namespace: scope.namespace)
        return names.map { ("\(collection)/\($0)", "\(type.kind.lowercased())/\($0)") }
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

    /// Asks the daemon for its definitions when the name is none of a built-in kind.
    static func type(named name: String, of client: LocalClient) async throws -> ResourceType {
        if let found = TypeCatalog.builtIn.matching(name) { return found }
        guard let found = await client.types().matching(name) else {
            throw CommandError("the server doesn't have a resource type \"\(name)\"")
        }
        return found
    }
}

extension LocalClient {
    /// The types of the daemon's store; the built-in ones alone when it does not answer.
    func types() async -> TypeCatalog {
        let path = ObjectPath.collection(.customResourceDefinition, namespace: nil)
        guard let list = try? await json(.GET, path) else { return .builtIn }
        return TypeCatalog(list["items"]?.arrayValue ?? [])
    }
}
