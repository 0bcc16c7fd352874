import ArgumentParser
import Images
import JSON
import Linux
import NIOHTTP1

/// `wherry images`
struct ImagesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "images", abstract: "List the device's images, or check them.")

    @OptionGroup var client: ClientOptions
    @Option(name: .shortAndLong, help: "json for the whole records.")
    var output: String?
    @Option(
        name: .shortAndLong,
        help:
            "reference=PATTERN, dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE or until=TIME; may be repeated."
    )
    var filter: [String] = []
    @Flag(name: .shortAndLong, help: "Also intermediate images; there are none here.")
    var all = false
    @Flag(help: "Show digests.")
    var digests = false
    @Flag(name: .shortAndLong, help: "IDs only.")
    var quiet = false
    @Flag(help: "Whole IDs.")
    var noTrunc = false
    @Flag(help: "Read everything that is stored, compare it with its digests, and repair what is damaged.")
    var check = false
    @Flag(help: "With --check: compare only what the file system says of each file.")
    var quick = false
    @Flag(name: .customLong("no-repair"), help: "With --check: only find.")
    var noRepair = false
    @Argument(help: "REPOSITORY[:TAG], or a pattern of it.")
    var repository: String?

    func validate() throws {
        guard check || !(quick || noRepair) else { throw ValidationError("--quick and --no-repair go with --check") }
    }

    func run() async throws {
        if check { return try await StoreCheck.run(try LocalClient(client), quick: quick, repair: !noRepair, output) }
        let filters = try ImageFilters(filter + (repository.map { ["reference=\($0)"] } ?? []))
        let images = try await LocalClient(client).json(.GET, "/images/json", query: filters.query)
        guard output != "json" else {
            print(String(decoding: images.serialized(pretty: true), as: UTF8.self))
            return
        }
        let list = images.arrayValue ?? []
        if quiet {
            for image in list { print(ImageText.id(image["Id"]?.stringValue ?? "", isWhole: noTrunc)) }
        } else {
            TextTable.print(
                [digests ? ["IMAGE", "DIGEST", "ID", "CREATED", "SIZE"] : ["IMAGE", "ID", "CREATED", "SIZE"]]
                    + list.flatMap(rows))
        }
    }

    private func rows(_ image: JSONValue) -> [[String]] {
        let names = (image["RepoTags"]?.arrayValue ?? []).compactMap(\.stringValue)
        let origins = (image["RepoDigests"]?.arrayValue ?? []).compactMap(\.stringValue)
        let rest = [
            ImageText.id(image["Id"]?.stringValue ?? "", isWhole: noTrunc),
            ImageText.age(Int64(image["Created"]?.intValue ?? 0)),
            ByteCount.text(image["Size"]?.intValue ?? 0) + (image["Damage"] == nil ? "" : " (damaged)"),
        ]
        return (names.isEmpty ? ["<none>"] : names).map { name in
            guard digests else { return [name] + rest }
            let repository = name.lastIndex(of: ":").map { String(name[..<$0]) } ?? name
            let origin = origins.first { $0.hasPrefix(repository + "@") } ?? (names.isEmpty ? origins.first : nil)
            return [name, origin.flatMap { $0.split(separator: "@").last.map(String.init) } ?? "<none>"] + rest
        }
    }
}

/// `wherry history IMAGE`
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show the steps an image was built in, and what each added.")

    @OptionGroup var client: ClientOptions
    @Flag(name: .shortAndLong, help: "IDs only.")
    var quiet = false
    @Flag(help: "Whole IDs and commands.")
    var noTrunc = false
    @Argument(help: "Name, digest or the beginning of an ID.")
    var image: String

    func run() async throws {
        let steps = try await LocalClient(client).json(.GET, "/images/\(image)/history").arrayValue ?? []
        guard !quiet else {
            for step in steps { print(ImageText.id(step["Id"]?.stringValue ?? "", isWhole: noTrunc)) }
            return
        }
        TextTable.print(
            [["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]]
                + steps.map { step in
                    let command = step["CreatedBy"]?.stringValue ?? ""
                    return [
                        ImageText.id(step["Id"]?.stringValue ?? "", isWhole: noTrunc),
                        ImageText.age(Int64(step["Created"]?.intValue ?? 0)),
                        noTrunc || command.count <= 45 ? command : command.prefix(44) + "…",
                        ByteCount.text(step["Size"]?.intValue ?? 0), step["Comment"]?.stringValue ?? "",
                    ]
                })
    }
}

/// `wherry inspect IMAGE...`
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show all about images, as a JSON array.")

    @OptionGroup var client: ClientOptions
    @Argument(help: "Name, digest or the beginning of an ID.")
    var images: [String]

    func run() async throws {
        let client = try LocalClient(client)
        var found: [JSONValue] = []
        for image in images { found.append(try await client.json(.GET, "/images/\(image)/json")) }
        print(String(decoding: JSONValue.array(found).serialized(pretty: true), as: UTF8.self))
    }
}

/// `--filter` of the command line as the API takes it.
struct ImageFilters {
    private var values: [String: [JSONValue]] = [:]

    init(_ entries: [String]) throws {
        for entry in entries {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("filter \"\(entry)\" is not of the form NAME=VALUE")
            }
            values[parts[0], default: []].append(.string(parts[1]))
        }
    }

    mutating func set(_ name: String, _ value: String) { values[name] = [.string(value)] }

    var query: [(String, String)] {
        guard !values.isEmpty else { return [] }
        return [("filters", JSONValue.object(values.mapValues(JSONValue.array)).description)]
    }
}

/// Words for people.
enum ImageText {
    static func id(_ text: String, isWhole: Bool) -> String {
        guard !isWhole, let digits = text.split(separator: ":").last, text.hasPrefix("sha256:") else { return text }
        return String(digits.prefix(12))
    }

    /// `3 weeks ago`, as Docker says it.
    static func age(_ created: Int64) -> String {
        guard created > 0 else { return "N/A" }
        let seconds = max(0, WallClock.now().seconds - created)
        for (name, length, atLeast) in [
            ("year", 31_536_000, 63_072_000), ("month", 2_592_000, 5_184_000), ("week", 604_800, 1_209_600),
            ("day", 86_400, 172_800), ("hour", 3600, 7200), ("minute", 60, 120),
        ] as [(String, Int64, Int64)] where seconds >= atLeast {
            return "\(seconds / length) \(name)s ago"
        }
        return seconds < 60 ? "\(seconds) seconds ago" : "About a minute ago"
    }
}
