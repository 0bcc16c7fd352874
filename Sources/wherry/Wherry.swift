import ArgumentParser
import Linux

/// The command line: parsing and wiring, no logic.
struct Wherry: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "wherry",
        abstract: "Docker and Kubernetes for small Linux devices, in one binary.",
        version: version,
        subcommands: [
            UpCommand.self, AgentCommand.self, HubCommand.self, JoinCommand.self, TokenCommand.self,
            KubeconfigCommand.self, RegistryCommand.self, PullCommand.self, PushCommand.self, LoadCommand.self,
            SaveCommand.self,
            ImportCommand.self, ExportCommand.self, CommitCommand.self, TagCommand.self, ImagesCommand.self,
            HistoryCommand.self, InspectCommand.self, RemoveImageCommand.self, ImageCommand.self, ApplyCommand.self,
            GetCommand.self, DeleteCommand.self, LogsCommand.self, BundleCommand.self,
        ])

    /// Runs a command line to its end.
    ///
    /// - Returns: 0 done, 1 failed, 2 wrong usage.
    static func run(arguments: [String]) async -> Int32 {
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            return report(error)
        }
    }

    private static func report(_ error: any Error) -> Int32 {
        let code = exitCode(for: error)
        if code == .success {
            print(fullMessage(for: error))
            return 0
        }
        if code == .validationFailure {
            write(toStandardError: fullMessage(for: error))
            return 2
        }
        if error is ExitCode {
            return code.rawValue
        }
        write(toStandardError: "wherry: \(error)")
        return 1
    }

    static func write(toStandardError line: String) {
        write(line, to: STDERR_FILENO)
    }

    /// Writes a line at once, past any buffer.
    static func write(_ line: String, to descriptor: Int32) {
        try? Files.writeAll(descriptor, Array((line + "\n").utf8))
    }
}

/// An error whose text is meant for the person at the terminal.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
