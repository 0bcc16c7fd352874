import JSON
import Linux

/// Makes a sandbox's namespaces and binds them to files, then ends.
enum SandboxProcess {
    static func run(_ directory: String) -> Int32 {
        let caller = FileDescriptor(adopting: RuntimeProcess.reportDescriptor)
        let request = FileDescriptor(adopting: RuntimeProcess.requestDescriptor)
        do {
            try make(directory, request)
            return 0
        } catch {
            try? caller.writeAll(error.json.serialized())
            return 1
        }
    }

    private static func make(_ directory: String, _ request: borrowing FileDescriptor) throws(RuntimeError) {
        let bytes = try stage("read the request") { try request.readToEnd(limit: 1 << 20) }
        let json = try stage("read the request") { try JSONValue(parsing: bytes) }
        let hostNetwork = json["hostNetwork"]?.boolValue ?? false
        let types = WHERRY_CLONE_NEWIPC | WHERRY_CLONE_NEWUTS | (hostNetwork ? 0 : WHERRY_CLONE_NEWNET)
        try stage("make the namespaces") { try systemCall("unshare") { wherry_unshare(Int32(types)) } }
        if let hostname = json["hostname"]?.stringValue, !hostname.isEmpty {
            try stage("set the host name \(hostname)") {
                try systemCall("sethostname") { wherry_sethostname(hostname, hostname.utf8.count) }
            }
        }
        if !hostNetwork {
            try stage("bring up lo") { try systemCall("ioctl", on: "lo") { wherry_interface_up("lo") } }
        }
        let sysctls = (json["sysctls"]?.objectValue ?? [:]).compactMapValues(\.stringValue)
        try Sysctl.validate(names: sysctls.keys, hostNetwork: hostNetwork)
        try Sysctl.apply(sysctls)
        for name in hostNetwork ? ["ipc", "uts"] : ["net", "ipc", "uts"] {
            try stage("bind the \(name) namespace") { try bind(name, directory) }
        }
        try stage("complete the sandbox") {
            try Files.writeAtomically([], to: "\(directory)/complete", durable: false)
        }
    }

    private static func bind(_ name: String, _ directory: String) throws(SystemError) {
        let path = "\(directory)/\(name)"
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        file.close()
        try systemCall("mount", on: path) { wherry_mount("/proc/self/ns/\(name)", path, nil, 0x1000, nil) }  // MS_BIND
    }
}
