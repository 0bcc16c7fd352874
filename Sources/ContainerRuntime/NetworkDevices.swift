import Linux
import OCI

/// Network devices of the runtime's namespace that go into the container's, with their addresses. The kernel gives physical
/// ones back when the namespace ends.
enum NetworkDevices {
    /// - Parameter pid: the container's process, which is in its network namespace if that is a new one.
    static func move(_ linux: RuntimeSpec.Linux, to pid: pid_t) throws(RuntimeError) {
        guard !linux.netDevices.isEmpty, let network = linux.namespace(.network) else { return }
        for (name, device) in linux.netDevices.sorted(by: { $0.key < $1.key }) {
            let target = device.name ?? name
            try stage("move network device \(name) into the container") {
                let namespace = try FileDescriptor.open(network.path ?? "/proc/\(pid)/ns/net", O_RDONLY)
                var outside = try RouteSocket()
                var inside = try RouteSocket(in: namespace.rawValue)
                let index = try outside.index(of: name)
                let addresses = try outside.addresses(of: index)
                if (try? inside.index(of: target)) != nil {
                    throw RuntimeError(.invalidSpec, "the container's network already has a device \(target)")
                }
                try outside.move(index, to: namespace.rawValue, as: target)
                let moved = try inside.index(of: target)
                for address in addresses { try inside.add(address, to: moved) }
                try inside.bringUp(moved)
            }
        }
    }

    static func validate(_ linux: RuntimeSpec.Linux) throws(RuntimeError) {
        guard !linux.netDevices.isEmpty else { return }
        guard linux.namespace(.network) != nil else {
            throw RuntimeError(.invalidSpec, "linux.netDevices needs a network namespace in linux.namespaces")
        }
        var targets: Set<String> = []
        for (name, device) in linux.netDevices {
            for name in [name, device.name ?? name] where !isValid(name) {
                throw RuntimeError(.invalidSpec, "linux.netDevices: \"\(name)\" is not the name of a network device")
            }
            guard targets.insert(device.name ?? name).inserted else {
                throw RuntimeError(.invalidSpec, "linux.netDevices: two devices become \(device.name ?? name)")
            }
        }
    }

    /// As dev_valid_name() of the kernel, without the pattern character of its rename.
    private static func isValid(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count < 16 && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && !"/:%".utf8.contains($0) }
    }
}
