/// Where the engine keeps its files.
struct EngineLayout: Sendable {
    let dataDirectory: String
    let runDirectory: String
    let cgroupParent: String

    var containers: String { dataDirectory + "/containers" }

    func storage(_ id: String) -> ContainerStorage { ContainerStorage(directory: containers + "/" + id) }

    func etc(sandbox id: String) -> String { runDirectory + "/pods/" + id + "/etc" }
}
