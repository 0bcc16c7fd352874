import JSON
import Linux
import OCI

/// The container's first process between its clone and its program: single-threaded, and already in its namespaces.
///
/// Errors are reported with the step that failed; nothing here returns to the monitor's code.
enum ContainerInit {
    // Monitor to set-up: begin; the gate is open.
    static let goOn = UInt8(ascii: "g")
    static let start = UInt8(ascii: "s")
    // Set-up to monitor.
    static let ready = UInt8(ascii: "R")
    static let failed = UInt8(ascii: "E")

    static let gate: Int32 = 3
    static let report: Int32 = 4

    /// A namespace to join.
    struct Join {
        let type: Int32
        let descriptor: Int32
    }

    static func run(
        _ directory: ContainerDirectory, spec: RuntimeSpec?, joins: [Join], standard: [Int32], gate: Int32,
        report: Int32
    ) -> Never {
        do {
            try join(joins)
            try arrange(standard + [gate, report])
            wherry_reset_signals()
            try stage("start a session") { try systemCall("setsid") { setsid() } }
            let spec = if let spec { spec } else { try readSpec(directory) }
            let launcher = try ProgramLauncher(spec, runtimeRoot: directory.runtimeRoot)
            try expect(goOn)
            try prepare(spec, directory, launcher)
        } catch {
            fail(error)
        }
    }

    private static func prepare(
        _ spec: RuntimeSpec, _ directory: ContainerDirectory, _ launcher: ProgramLauncher
    ) throws(RuntimeError) -> Never {
        var launcher = launcher
        if let cgroup = spec.linux.namespace(.cgroup), cgroup.path == nil {
            try stage("make the cgroup namespace") {
                try systemCall("unshare") { wherry_unshare(Int32(WHERRY_CLONE_NEWCGROUP)) }
            }
        }
        try setHostname(spec)
        try RootFilesystem.enter(spec, directory) { root throws(RuntimeError) in
            try launcher.resolveUser(root: root)
        }
        try launcher.takeIdentity()
        try stage("report to the monitor") { try Files.writeAll(report, [ready]) }
        try expect(start)
        try launcher.execute()
    }

    private static func join(_ joins: [Join]) throws(RuntimeError) {
        for join in joins where join.type != WHERRY_CLONE_NEWPID {
            try stage("join a namespace") {
                try systemCall("setns") { wherry_setns(join.descriptor, join.type) }
            }
        }
    }

    /// Puts the given descriptors at 0, 1, 2 … and closes every other (CVE-2024-21626). Those from 3 on close on exec.
    static func arrange(_ descriptors: [Int32]) throws(RuntimeError) {
        try stage("arrange the descriptors") {
            let moved = try descriptors.map { descriptor in
                try systemCall("fcntl") { wherry_fcntl_integer(descriptor, F_DUPFD_CLOEXEC, 64) }
            }
            for (target, descriptor) in moved.enumerated() {
                try systemCall("dup2") { dup2(descriptor, Int32(target)) }
                if target > 2 {
                    try systemCall("fcntl") { wherry_fcntl_integer(Int32(target), F_SETFD, FD_CLOEXEC) }
                }
            }
            try systemCall("close_range") { wherry_close_range(UInt32(descriptors.count), .max, 0) }
        }
    }

    private static func readSpec(_ directory: ContainerDirectory) throws(RuntimeError) -> RuntimeSpec {
        try stage("read \(directory.config)") {
            try RuntimeSpec.decode(JSONValue(parsing: Files.read(directory.config)))
        }
    }

    static func expect(_ expected: UInt8) throws(RuntimeError) {
        var byte: UInt8 = 0
        let count = try stage("wait for the monitor") { try systemCall("read") { read(gate, &byte, 1) } }
        // The monitor or the creation of the container is gone, and so is the reason to live.
        guard count == 1, byte == expected else { wherry_exit_now(1) }
    }

    private static func setHostname(_ spec: RuntimeSpec) throws(RuntimeError) {
        guard let namespace = spec.linux.namespace(.uts), namespace.path == nil else { return }
        if let hostname = spec.hostname {
            try stage("set the host name") {
                try systemCall("sethostname", on: hostname) { wherry_sethostname(hostname, hostname.utf8.count) }
            }
        }
        if let domain = spec.domainname {
            try stage("set the domain name") {
                try systemCall("setdomainname", on: domain) { wherry_setdomainname(domain, domain.utf8.count) }
            }
        }
    }

    static func fail(_ error: RuntimeError) -> Never {
        try? Files.writeAll(report, [failed] + error.json.serialized())
        wherry_exit_now(error.exitCode)
    }
}
