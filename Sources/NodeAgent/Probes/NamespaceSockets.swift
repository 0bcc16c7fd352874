import Linux

/// Where a probe connects from.
enum PodNetwork: Sendable, Hashable {
    case host
    /// The path of a network namespace.
    case namespace(String)
}

/// Makes sockets in the network namespaces of pods.
///
/// A socket belongs to the namespace its thread was in when it was made, so one thread enters a pod's namespace, makes
/// the socket and goes back; connecting is then possible from anywhere.
actor NamespaceSockets {
    private let executor = ThreadExecutor(name: "probe-sockets", stackSize: 128 << 10)
    private var own: Int32 = -1

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    deinit { if own >= 0 { close(own) } }

    /// A non-blocking TCP socket, closed on exec.
    func make(in network: PodNetwork, family: Int32) throws(SystemError) -> Int32 {
        switch network {
        case .host: return try stream(family)
        case .namespace(let path):
            if own < 0 { own = try FileDescriptor.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC).release() }
            let target = try FileDescriptor.open(path, O_RDONLY | O_CLOEXEC)
            try systemCall("setns", on: path) { wherry_setns(target.rawValue, Int32(WHERRY_CLONE_NEWNET)) }
            defer {
                // Staying behind would make later sockets of the host in a pod's network.
                precondition(wherry_setns(own, Int32(WHERRY_CLONE_NEWNET)) == 0, "can't return to the host's network")
            }
            return try stream(family)
        }
    }

    private func stream(_ family: Int32) throws(SystemError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        return try systemCall("socket") { socket(family, type, 0) }
    }
}
