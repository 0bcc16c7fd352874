import ArgumentParser
import AsyncHTTPClient
import JSON
import Linux
import NIOCore
import NIOHTTP1
import YAML

/// `wherry kubeconfig`
struct KubeconfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kubeconfig", abstract: "Print a kubeconfig for a daemon's TLS listener.")

    @OptionGroup var client: ClientOptions

    func run() async throws {
        let value = try await LocalClient(client).json(.GET, "/wherry/v1/kubeconfig")
        print(YAMLWriter.write(value), terminator: "")
    }
}
