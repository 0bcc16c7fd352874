import Linux

/// The files of one container below the runtime's root.
struct ContainerDirectory: Sendable {
    let path: String
    let id: String

    init(root: String, id: String) throws(RuntimeError) {
        guard Self.isValid(id) else {
            throw RuntimeError(
                .invalidID,
                "container ID \"\(id)\" is not valid: use 1–200 letters, digits, '_', '+', '-' and, after the first, '.'"
            )
        }
        self.id = id
        path = "\(root)/\(id)"
    }

    /// For the monitor, which is given the path.
    init(path: String) {
        self.path = path
        id = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
    }

    /// The runtime specification.
    var config: String { path + "/config.json" }
    /// What the monitor has to know.
    var plan: String { path + "/monitor.json" }
    var state: String { path + "/state.json" }
    var exit: String { path + "/exit.json" }
    /// FIFO: a byte opens the start gate.
    var start: String { path + "/start" }
    /// FIFO: the monitor's answer to it.
    var started: String { path + "/started" }
    /// Socket: a connection is given the container's streams.
    var attach: String { path + "/attach" }
    /// Where the root file system is mounted, in the container's mount namespace only.
    var rootMount: String { path + "/rootfs" }
    var runtimeRoot: String { String(path.dropLast(id.utf8.count + 1)) }

    static func isValid(_ id: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard let first = id.utf8.first, isWord(first), id.utf8.count <= 200 else { return false }
        return id.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") }
    }
}
