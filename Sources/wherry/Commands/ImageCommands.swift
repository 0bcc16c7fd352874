import ArgumentParser
import AsyncHTTPClient
import FleetProtocol
import Images
import JSON
import Linux
import NIOCore
import NIOHTTP1
import NodeAgent
import OCI

/// `wherry pull IMAGE`
struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Fetch an image from a registry into the device's store.")

    @OptionGroup var client: ClientOptions
    @Argument(help: "NAME[:TAG] or NAME@DIGEST.")
    var image: String

    func run() async throws {
        try await ImageStream.print(
            try LocalClient(client), path: "/images/create", query: [("fromImage", image)],
            headers: try DockerLogin.headers(for: image), body: nil)
    }
}

/// What `docker login` left for this user, as skopeo and podman read it, too.
enum DockerLogin {
    static func headers(for image: String) throws -> [(String, String)] {
        guard let file = path, Files.exists(file), let reference = try? ImageReference(parsing: image) else {
            return []
        }
        let document: JSONValue
        do { document = try JSONValue(parsing: try Files.read(file, limit: 1 << 20)) } catch {
            throw CommandError("cannot read the logins in \(file): \(error); repair it or move it away")
        }
        guard let login = DockerConfiguration.credentials(document, registry: reference.registry) else { return [] }
        let value: JSONValue = ["username": .string(login.username), "password": .string(login.password)]
        return [("X-Registry-Auth", FleetProtocol.Base64.encodeURL(value.serialized()))]
    }

    private static var path: String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
        return variable("DOCKER_CONFIG").map { "\($0)/config.json" }
            ?? variable("HOME").map { "\($0)/.docker/config.json" }
    }
}

/// `wherry load FILE`
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Load images from an archive: an OCI layout or the output of docker save.")

    @OptionGroup var client: ClientOptions
    @Argument(help: "The archive, or - for standard input.")
    var file: String

    func run() async throws {
        try await ImageStream.print(
            try LocalClient(client), path: "/images/load", query: [], body: try FileBody.stream(file))
    }
}

/// `wherry import FILE NAME`
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an image from a tar of a root file system.")

    @OptionGroup var client: ClientOptions
    @Option(help: "The command, as JSON ([\"httpd\",\"-f\"]) or as words for a shell.")
    var cmd: String?
    @Option(help: "The entry point, written like --cmd.")
    var entrypoint: String?
    @Option(help: "NAME=VALUE; may be repeated.")
    var env: [String] = []
    @Option(help: "PORT[/tcp|udp]; may be repeated.")
    var expose: [String] = []
    @Option(help: "The working directory.")
    var workdir: String?
    @Option(help: "USER[:GROUP].")
    var user: String?
    @Argument(help: "The tar (plain, gzip or zstd), or - for standard input.")
    var file: String
    @Argument(help: "NAME[:TAG] of the new image.")
    var image: String

    func run() async throws {
        var query = [("fromSrc", "-"), ("repo", image)]
        if let cmd { query.append(("changes", "CMD \(cmd)")) }
        if let entrypoint { query.append(("changes", "ENTRYPOINT \(entrypoint)")) }
        for variable in env { query.append(("changes", "ENV \(variable)")) }
        for port in expose { query.append(("changes", "EXPOSE \(port)")) }
        if let workdir { query.append(("changes", "WORKDIR \(workdir)")) }
        if let user { query.append(("changes", "USER \(user)")) }
        do {
            try await ImageStream.print(
                try LocalClient(client), path: "/images/create", query: query, body: try FileBody.stream(file))
        } catch let error as CommandError where !error.description.contains(image) {
            throw CommandError("cannot import \(file) as \(image): \(error)")
        }
    }
}

/// `wherry images`
struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "List the device's images.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "json for the whole records.")
    var output: String?

    func run() async throws {
        let images = try await LocalClient(client).json(.GET, "/images/json")
        guard output != "json" else {
            print(String(decoding: images.serialized(pretty: true), as: UTF8.self))
            return
        }
        var rows = [["IMAGE", "ID", "SIZE"]]
        for image in images.arrayValue ?? [] {
            let id = (image["Id"]?.stringValue ?? "").split(separator: ":").last.map { String($0.prefix(12)) } ?? ""
            let size = ByteCount.text(image["Size"]?.intValue ?? 0)
            let names = (image["RepoTags"]?.arrayValue ?? []).compactMap(\.stringValue)
            for name in names.isEmpty ? ["<none>"] : names { rows.append([name, id, size]) }
        }
        TextTable.print(rows)
    }
}

/// `wherry rmi IMAGE...`
struct RemoveImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images from the device.")

    @OptionGroup var client: ClientOptions
    @Argument(help: "Name, digest or the beginning of an ID.")
    var images: [String]

    func run() async throws {
        let client = try LocalClient(client)
        for image in images {
            for item in try await client.json(.DELETE, "/images/\(image)").arrayValue ?? [] {
                for (what, name) in (item.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
                    print("\(what): \(name.stringValue ?? "")")
                }
            }
        }
    }
}

/// Reads the engine's JSON lines and prints them for a person.
enum ImageStream {
    static func print(
        _ client: LocalClient, path: String, query: [(String, String)], headers: [(String, String)] = [],
        body: HTTPClientRequest.Body?
    ) async throws {
        let response = try await client.send(
            .POST, path, query: query,
            headers: headers + (body == nil ? [] : [("Content-Type", "application/x-tar")]), body: body)
        guard (200..<300).contains(response.status.code) else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            throw CommandError(LocalClient.message(in: bytes) ?? "\(response.status)")
        }
        var pending: [UInt8] = []
        for try await chunk in response.body {
            pending.append(contentsOf: chunk.readableBytesView)
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                try show(Array(pending[..<end]))
                pending.removeSubrange(...end)
            }
        }
        try show(pending)
    }

    private static func show(_ line: [UInt8]) throws {
        guard line.contains(where: { $0 > 32 }), let value = try? JSONValue(parsing: line) else { return }
        if let error = value["error"]?.stringValue { throw CommandError(error) }
        if let text = value["stream"]?.stringValue {
            Swift.print(text, terminator: text.hasSuffix("\n") ? "" : "\n")
        } else if let status = value["status"]?.stringValue, value["progressDetail"]?["current"] == nil {
            Swift.print(value["id"]?.stringValue.map { "\($0): \(status)" } ?? status)
        }
    }
}

/// A request body read from a file, chunk by chunk.
enum FileBody {
    static func stream(_ path: String) throws -> HTTPClientRequest.Body {
        let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandError("cannot open \(path): \(Errno.last)") }
        return .stream(Chunks(descriptor: descriptor), length: .unknown)
    }

    private struct Chunks: AsyncSequence, Sendable {
        typealias Element = ByteBuffer
        let descriptor: Int32

        func makeAsyncIterator() -> Iterator { Iterator(descriptor: descriptor) }

        struct Iterator: AsyncIteratorProtocol {
            let descriptor: Int32

            mutating func next() async throws -> ByteBuffer? {
                var buffer = ByteBufferAllocator().buffer(capacity: 256 << 10)
                let count = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 256 << 10) { space in
                    let count = read(descriptor, space.baseAddress, space.count)
                    guard count >= 0 else { throw CommandError("reading the archive failed: \(Errno.last)") }
                    return count
                }
                if count == 0 {
                    close(descriptor)
                    return nil
                }
                return buffer
            }
        }
    }
}
