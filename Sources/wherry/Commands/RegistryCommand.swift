import ArgumentParser
import JSON
import NIOHTTP1

/// `wherry registry`
struct RegistryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry", abstract: "The users and the garbage of a hub's registry.",
        subcommands: [User.self, Collect.self])

    struct User: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "user", abstract: "Who may log in at the registry.",
            subcommands: [Add.self, List.self, Remove.self])
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Make a user, and print the password; again: give another one.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The name for `docker login`.")
        var name: String
        @Option(name: .customLong("repository"), help: "A repository, with * for any characters. Can be repeated.")
        var repositories: [String]
        @Flag(help: "The user may push and delete, too.")
        var push = false

        func run() async throws {
            let answer = try await LocalClient(client).json(
                .POST, "/wherry/v1/registry/users",
                body: [
                    "name": .string(name), "repositories": .array(repositories.map { .string($0) }),
                    "push": .bool(push),
                ])
            guard let password = answer["password"]?.stringValue else {
                throw CommandError("the daemon at \(client.run) has no registry: only a hub does")
            }
            print(password)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the users.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let users = try await LocalClient(client).json(.GET, "/wherry/v1/registry/users")["users"]?.arrayValue ?? []
            TextTable.print(
                [["NAME", "PUSH", "REPOSITORIES"]]
                    + users.map { user in
                        let repositories = (user["repositories"]?.arrayValue ?? []).compactMap(\.stringValue)
                        return [
                            user["name"]?.stringValue ?? "", user["push"]?.boolValue == true ? "yes" : "no",
                            repositories.joined(separator: ","),
                        ]
                    })
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Remove a user; a token that was given out is good for five minutes more.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "The name.")
        var name: String

        func run() async throws {
            _ = try await LocalClient(client).json(.DELETE, "/wherry/v1/registry/users/\(name)")
        }
    }

    struct Collect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gc", abstract: "Remove the blobs that no manifest needs, now.")

        @OptionGroup var client: ClientOptions
        @Flag(help: "Also blobs without a record, after the registry's index was lost or restored from a snapshot.")
        var orphans = false

        func run() async throws {
            let answer = try await LocalClient(client).json(
                .POST, "/wherry/v1/registry/gc", query: orphans ? [("orphans", "true")] : [])
            let number = { (key: String) in answer[key]?.intValue ?? 0 }
            print("removed \(number("blobs")) blobs, \(number("bytes")) bytes, and \(number("uploads")) uploads")
            if number("kept") > 0 {
                print(
                    "kept \(number("kept")) blobs without a record: the index was lost once; push their images again, then"
                        + " remove the rest with --orphans")
            }
        }
    }
}
