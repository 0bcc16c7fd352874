import ArgumentParser
import AsyncHTTPClient
import JSON
import Linux
import NIOCore
import NIOHTTP1

/// `wherry token create`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Enrolment tokens of a hub.", subcommands: [Create.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Print a line that enrols one device: `wherry join LINE` there.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let answer = try await LocalClient(client).json(.POST, "/wherry/v1/tokens", body: [:])
            guard let line = answer["line"]?.stringValue else {
                throw CommandError("the daemon at \(client.run) makes no tokens: only a hub does")
            }
            print(line)
        }
    }
}
