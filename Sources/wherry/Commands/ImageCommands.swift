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
    @Flag(name: .customLong("ignore-budget"), help: "Fetch although the link's bytes of the day or month are used up.")
    var ignoreBudget = false
    @Option(help: "OS/ARCHITECTURE[/VARIANT] of the image; the device's own without this.")
    var platform: String?
    @Argument(help: "NAME[:TAG] or NAME@DIGEST.")
    var image: String

    func run() async throws {
        var query = [("fromImage", image)]
        if ignoreBudget { query.append(("ignoreBudget", "1")) }
        if let platform { query.append(("platform", platform)) }
        try await ImageStream.print(
            try LocalClient(client), path: "/images/create", query: query,
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

/// Reads the engine's JSON lines and prints them for a person.
enum ImageStream {
    static func print(
        _ client: LocalClient, path: String, query: [(String, String)], headers: [(String, String)] = [],
        body: HTTPClientRequest.Body?, isQuiet: Bool = false
    ) async throws {
        let response = try await client.send(
            .POST, path, query: query,
            headers: headers + (body == nil ? [] : [("Content-Type", "application/x-tar")]), body: body)
        guard (200..<300).contains(response.status.code) else {
            let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 20))
            throw CommandError(LocalClient.message(in: bytes) ?? "\(response.status)")
        }
        var board = ProgressBoard()
        var pending: [UInt8] = []
        for try await chunk in response.body {
            pending.append(contentsOf: chunk.readableBytesView)
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                try show(Array(pending[..<end]), on: &board, isQuiet)
                pending.removeSubrange(...end)
            }
        }
        try show(pending, on: &board, isQuiet)
        board.finish()
    }

    private static func show(_ line: [UInt8], on board: inout ProgressBoard, _ isQuiet: Bool) throws {
        guard line.contains(where: { $0 > 32 }), let value = try? JSONValue(parsing: line) else { return }
        if let error = value["error"]?.stringValue {
            board.finish()
            throw CommandError(error)
        }
        if isQuiet { return }
        if let text = value["stream"]?.stringValue {
            board.say(text.hasSuffix("\n") ? String(text.dropLast()) : text)
        } else if let status = value["status"]?.stringValue {
            let detail = value["progressDetail"]
            board.update(
                id: value["id"]?.stringValue, status, current: detail?["current"]?.intValue,
                total: detail?["total"]?.intValue)
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

    /// The directory of an OCI layout as a tar.
    static func tar(ofLayout path: String) throws -> HTTPClientRequest.Body {
        guard Files.exists(path + "/oci-layout") else {
            throw CommandError("\(path) is a directory, but not that of an OCI layout: it has no file oci-layout")
        }
        return .stream(DirectoryTar(path: path), length: .unknown)
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
