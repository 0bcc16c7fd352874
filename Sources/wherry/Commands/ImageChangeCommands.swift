import ArgumentParser
import Images
import JSON
import Linux
import NIOHTTP1
import OCI

/// `wherry push NAME[:TAG]`
struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Send an image to the registry that its name says.")

    @OptionGroup var client: ClientOptions
    @Flag(name: .shortAndLong, help: "All tags of the repository.")
    var allTags = false
    @Argument(help: "NAME[:TAG].")
    var image: String

    func run() async throws {
        let reference: ImageReference
        do { reference = try ImageReference(parsing: image) } catch { throw ValidationError(error.description) }
        guard reference.digest == nil else { throw ValidationError("a push sets a tag, not a digest: \(image)") }
        let query = allTags ? [] : [("tag", reference.locator)]
        try await ImageStream.print(
            try LocalClient(client), path: "/images/\(reference.familiarName)/push", query: query,
            headers: try DockerLogin.headers(for: image), body: nil)
    }
}

/// `wherry tag IMAGE NAME[:TAG]`
struct TagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tag", abstract: "Give an image another name.")

    @OptionGroup var client: ClientOptions
    @Argument(help: "Name, digest or the beginning of an ID.")
    var image: String
    @Argument(help: "NAME[:TAG].")
    var name: String

    func run() async throws {
        let reference: ImageReference
        do { reference = try ImageReference(parsing: name) } catch { throw ValidationError(error.description) }
        _ = try await LocalClient(client).success(
            .POST, "/images/\(image)/tag", query: [("repo", reference.name), ("tag", reference.locator)])
    }
}

/// `wherry commit CONTAINER [NAME[:TAG]]`
struct CommitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Make an image of a container and what it changed.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "Who made it.")
    var author: String?
    @Option(name: .shortAndLong, help: "A Dockerfile instruction, such as 'CMD [\"httpd\"]'; may be repeated.")
    var change: [String] = []
    @Option(name: .shortAndLong, help: "A line for the image's history.")
    var message: String?
    @Flag(help: "Leave the container running meanwhile; its files may then not fit together.")
    var noPause = false
    @Argument(help: "The container's ID or the beginning of it.")
    var container: String
    @Argument(help: "NAME[:TAG] of the new image.")
    var name: String?

    func run() async throws {
        var query = [("container", container), ("pause", noPause ? "0" : "1")]
        if let name { query.append(("repo", name)) }
        if let author { query.append(("author", author)) }
        if let message { query.append(("comment", message)) }
        query += change.map { ("changes", $0) }
        print(try await LocalClient(client).json(.POST, "/commit", query: query)["Id"]?.stringValue ?? "")
    }
}

/// `wherry rmi IMAGE...`
struct RemoveImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images from the device.")

    @OptionGroup var client: ClientOptions
    @Flag(name: .shortAndLong, help: "Also an image that has several names or stopped containers.")
    var force = false
    @Argument(help: "Name, digest or the beginning of an ID.")
    var images: [String]

    func run() async throws {
        let client = try LocalClient(client)
        for image in images {
            let items = try await client.json(.DELETE, "/images/\(image)", query: force ? [("force", "1")] : [])
            ImageText.printRemoved(items)
        }
    }
}

/// `wherry image …`
struct ImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "More on images.", subcommands: [ImagePruneCommand.self])
}

/// `wherry image prune`
struct ImagePruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove images without a name that nothing uses.")

    @OptionGroup var client: ClientOptions
    @Flag(name: .shortAndLong, help: "Also images with names.")
    var all = false
    @Option(name: .long, help: "until=TIME or =DURATION (24h), label=KEY[=VALUE], label!=KEY[=VALUE]; may be repeated.")
    var filter: [String] = []

    func run() async throws {
        var filters = try ImageFilters(filter)
        filters.set("dangling", all ? "false" : "true")
        let report = try await LocalClient(client).json(.POST, "/images/prune", query: filters.query)
        ImageText.printRemoved(report["ImagesDeleted"] ?? .null)
        print("Total reclaimed space: \(ByteCount.text(report["SpaceReclaimed"]?.intValue ?? 0))")
    }
}

extension ImageText {
    /// `Untagged: NAME` and `Deleted: ID`, one a line.
    static func printRemoved(_ items: JSONValue) {
        for item in items.arrayValue ?? [] {
            for (what, name) in (item.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
                print("\(what): \(name.stringValue ?? "")")
            }
        }
    }
}
