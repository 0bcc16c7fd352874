import ArgumentParser
import AsyncHTTPClient
import Images
import JSON
import Linux
import NIOCore
import NIOHTTP1

/// `wherry load FILE|DIRECTORY`
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Load images from an archive or a directory: an OCI layout or the output of docker save.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "The archive or directory, as docker load takes it.")
    var input: String?
    @Flag(name: .shortAndLong, help: "Say nothing.")
    var quiet = false
    @Argument(help: "The archive, the directory of an OCI layout, or - for standard input.")
    var file: String?

    func validate() throws {
        guard (input == nil) != (file == nil) else { throw ValidationError("name one archive or directory, or -") }
    }

    func run() async throws {
        let path = input ?? file ?? "-"
        let body = Files.isDirectory(path) ? try FileBody.tar(ofLayout: path) : try FileBody.stream(path)
        try await ImageStream.print(
            try LocalClient(client), path: "/images/load", query: [], body: body, isQuiet: quiet)
    }
}

/// `wherry save IMAGE...`
struct SaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save",
        abstract: "Write images into an archive that docker load, skopeo and wherry load read.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "The archive; standard output without this.")
    var output: String?
    @Option(help: "Write an OCI layout into this new or empty directory instead.")
    var layout: String?
    @Argument(help: "NAME[:TAG] (without a tag: all of them), or an ID.")
    var images: [String]

    func validate() throws {
        guard output == nil || layout == nil else { throw ValidationError("give --output or --layout, not both") }
    }

    func run() async throws {
        let client = try LocalClient(client)
        let query = images.map { ("names", $0) }
        if let layout {
            let writer = try LayoutDirectoryWriter(path: layout)
            do {
                try await client.download("/images/get", query: query) { try writer.write($0) }
                try writer.finish()
            } catch {
                writer.discard()
                throw error
            }
        } else {
            try await client.download("/images/get", query: query, to: output)
        }
    }
}

/// `wherry export CONTAINER`
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write a container's file system as a tar.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "The tar; standard output without this.")
    var output: String?
    @Argument(help: "The container's ID or the beginning of it.")
    var container: String

    func run() async throws {
        try await LocalClient(client).download("/containers/\(container)/export", query: [], to: output)
    }
}

/// `wherry import FILE NAME`
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an image from a tar of a root file system.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "A Dockerfile instruction, such as 'WORKDIR /srv'; may be repeated.")
    var change: [String] = []
    @Option(name: .shortAndLong, help: "A line for the image's history.")
    var message: String?
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
        if let message { query.append(("message", message)) }
        query += change.map { ("changes", $0) }
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

extension LocalClient {
    /// Gives the pieces of an answer as they come.
    func download(_ path: String, query: [(String, String)], _ write: ([UInt8]) throws -> Void) async throws {
        let response = try await send(.GET, path, query: query)
        guard (200..<300).contains(response.status.code) else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            throw CommandError(Self.message(in: bytes) ?? "GET \(path): \(response.status)")
        }
        do {
            for try await chunk in response.body { try write(Array(buffer: chunk)) }
        } catch let error as CommandError {
            throw error
        } catch {
            throw CommandError("the archive broke off (\(error)); the daemon's log says why")
        }
    }

    /// Writes an answer into a file, which appears once it is whole, or to standard output.
    func download(_ path: String, query: [(String, String)], to file: String?) async throws {
        guard let file, file != "-" else {
            guard isatty(STDOUT_FILENO) == 0 else {
                throw CommandError("this would fill your terminal with an archive; redirect it or use --output FILE")
            }
            return try await download(path, query: query) { try Self.write($0, to: STDOUT_FILENO, "standard output") }
        }
        let partial = file + ".part"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandError("cannot write \(file): \(Errno.last)") }
        defer { close(descriptor) }
        do {
            try await download(path, query: query) { try Self.write($0, to: descriptor, file) }
            guard rename(partial, file) == 0 else { throw CommandError("cannot write \(file): \(Errno.last)") }
        } catch {
            unlink(partial)
            throw error
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ name: String) throws {
        do { try Files.writeAll(descriptor, bytes) } catch {
            throw CommandError("cannot write \(name): \(error.errno)")
        }
    }
}
