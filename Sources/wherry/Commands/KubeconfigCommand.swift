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
        commandName: "kubeconfig", abstract: "Print a kubeconfig for a daemon's TLS listener.",
        discussion: """
            Without --user it holds the administrator's token. With --user it holds a new client certificate: what that user may do, \
            RoleBindings and ClusterRoleBindings to the user or one of the groups say.
            """)

    @OptionGroup var client: ClientOptions
    @Option(help: "Make a certificate for this user.")
    var user: String?
    @Option(help: "A group of the user; may be repeated. All are in wherry:users as well.")
    var group: [String] = []
    @Option(help: "For how many days the certificate is valid.")
    var days: Int?

    func validate() throws {
        if user == nil, !group.isEmpty || days != nil {
            throw ValidationError("--group and --days describe a user: name one with --user")
        }
    }

    func run() async throws {
        var query: [(String, String)] = []
        if let user { query = [("user", user)] + group.map { ("group", $0) } }
        if let days { query.append(("days", String(days))) }
        let value = try await LocalClient(client).json(.GET, "/wherry/v1/kubeconfig", query: query)
        print(YAMLWriter.write(value), terminator: "")
    }
}
