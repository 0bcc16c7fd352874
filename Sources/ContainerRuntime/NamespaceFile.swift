import Linux
public import OCI

/// An open namespace, to be joined by its path whatever becomes of the process that it was taken from.
public final class NamespaceFile: Sendable {
    private let descriptor: FileDescriptor

    /// Good for this program and its children, as long as this object lives.
    public var path: String { "/proc/\(getpid())/fd/\(descriptor.rawValue)" }

    fileprivate init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}

extension Runtime {
    /// Opens a namespace of the container's first process.
    /// - Throws: `invalidState` when that does not run; its number may be another process's by now, of the host even.
    public func openNamespace(
        _ kind: RuntimeSpec.Namespace.Kind, of id: String
    ) throws(RuntimeError) -> NamespaceFile {
        let state = try state(id)
        guard state.status == .running, state.startTime != nil,
            let process = ProcessIdentity.open(state.pid, startTime: state.startTime)
        else { throw RuntimeError(.invalidState, "container \(id) is not running") }
        let file = try stage("open a namespace of container \(id)") {
            try FileDescriptor.open("/proc/\(state.pid)/ns/\(kind.link)", O_RDONLY)
        }
        // The process lived until now, so it was this one's.
        guard !ProcessIdentity.hasEnded(pidfd: process.rawValue) else {
            throw RuntimeError(.invalidState, "container \(id) is not running")
        }
        return NamespaceFile(file)
    }
}

extension RuntimeSpec.Namespace.Kind {
    /// Its name in `/proc/PID/ns`.
    var link: String {
        switch self {
        case .network: "net"
        case .mount: "mnt"
        default: rawValue
        }
    }
}
