import JSON
import Linux
import OCI

/// The connection to the agent that decides what `SCMP_ACT_NOTIFY` asks.
///
/// The filter is loaded inside the container, which must not see the agent's socket: the connection is made before, and
/// closes on exec. The agent is sent one message, the container process state, together with the listener's descriptor.
struct SeccompListener {
    /// For a caller that renumbers descriptors: give the new number.
    var socket: Int32
    /// Of the process that loads the filter, in the runtime's pid namespace.
    var pid: pid_t
    private let metadata: String?
    private let state: OCIState

    /// - Parameters:
    ///   - state: the container's. Without a number in it, the process is the container's first one.
    ///   - pid: nil asks /proc, which must be the runtime's still: its `self` is our number in its pid namespace.
    init(_ profile: RuntimeSpec.Seccomp, state: OCIState?, pid: pid_t?) throws(RuntimeError) {
        let path = profile.listenerPath ?? ""
        guard let state else {
            throw RuntimeError(
                .unsupported, "\(SeccompNames.notifyName) needs the container's state, which is not known")
        }
        socket = try stage("connect to linux.seccomp.listenerPath \(path)") {
            try systemCall("connect", on: path) { wherry_connect_unix(path) }
        }
        metadata = profile.listenerMetadata
        self.pid = if let pid { pid } else { try Self.ownNumber() }
        self.state = state
    }

    /// The container process state of the specification (config-linux.md).
    var message: [UInt8] {
        var value: JSONValue = [
            "ociVersion": "1.2.0", "fds": ["seccompFd"], "pid": .integer(Int64(pid)),
            "state": state.pid == 0 ? state.with(.creating, pid: pid).json : state.json,
        ]
        if let metadata { value["metadata"] = .string(metadata) }
        return value.serialized()
    }

    private static func ownNumber() throws(RuntimeError) -> pid_t {
        var text = [CChar](repeating: 0, count: 16)
        let count = try stage("find the process's number") {
            try systemCall("readlink", on: "/proc/self") { readlink("/proc/self", &text, text.count) }
        }
        let digits = text[..<count].map { UInt8(bitPattern: $0) }
        guard let number = pid_t(String(decoding: digits, as: UTF8.self)) else {
            throw RuntimeError(.setupFailed, "/proc/self is not a process's number")
        }
        return number
    }
}
