public import JSON
public import Linux

/// A container's state as the OCI runtime specification words it: what `state` prints and hooks read.
public struct OCIState: Sendable {
    public enum Status: String, Sendable {
        case creating, created, running, stopped
        /// Runtimes' common extension: its processes are frozen.
        case paused
    }

    public var id: String
    public var status: Status
    /// In the runtime's pid namespace; 0 when there is no process.
    public var pid: pid_t
    public var bundle: String
    public var annotations: [String: String]

    func with(_ status: Status, pid: pid_t? = nil) -> OCIState {
        var state = self
        state.status = status
        if let pid { state.pid = pid }
        return state
    }

    public var json: JSONValue {
        var value: JSONValue = [
            "ociVersion": "1.2.0", "id": .string(id), "status": .string(status.rawValue), "bundle": .string(bundle),
        ]
        if pid != 0 || status == .stopped { value["pid"] = .integer(Int64(pid)) }
        if !annotations.isEmpty { value["annotations"] = .object(annotations.mapValues { .string($0) }) }
        return value
    }
}
