extension Sysctl {
    /// The namespaces that Kubernetes knows kernel settings of.
    public enum Namespace: Sendable, Hashable { case ipc, network }

    /// Nil for a setting of neither.
    public var namespace: Namespace? {
        let name = name.map { $0 == "/" ? "." : $0 }
        if ["kernel.shm", "kernel.msg", "fs.mqueue."].contains(where: name.starts) || String(name) == "kernel.sem" {
            return .ipc
        }
        return name.starts(with: "net.") ? .network : nil
    }
}

extension PodSpec {
    /// The kernel settings that are the pod's own: in a namespace of the machine they would change the machine.
    public var ownSysctls: [Sysctl] { (securityContext?.sysctls ?? []).filter { fieldThatShares($0) == nil } }

    private func fieldThatShares(_ sysctl: Sysctl) -> String? {
        switch sysctl.namespace {
        case .network where hostNetwork == true: "hostNetwork"
        case .ipc where hostIPC == true: "hostIPC"
        default: nil
        }
    }

    func validateSysctls(_ field: String, into errors: inout FieldErrors) {
        for (index, sysctl) in (securityContext?.sysctls ?? []).enumerated() {
            guard let host = fieldThatShares(sysctl) else { continue }
            errors.invalid("\(field)[\(index)].name", sysctl.name, "may not be specified when '\(host)' is true")
        }
    }
}
