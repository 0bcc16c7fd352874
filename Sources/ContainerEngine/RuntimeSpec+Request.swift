import ContainerRuntime
import OCI

extension RuntimeSpec {
    /// The runtime configuration for a request, by Docker's and Kubernetes' rules.
    ///
    /// - Parameters:
    ///   - storage: the container's directory on disk, for what it writes.
    ///   - cgroupParent: such as `/wherry`; the container's group is made below it.
    /// - Throws: ``EngineError`` with code `invalidRequest` when the request contradicts itself or the image.
    static func make(
        _ request: ContainerRequest, storage: ContainerStorage, cgroupParent: String, usesCgroupV2: Bool
    ) throws(EngineError) -> RuntimeSpec {
        var spec = RuntimeSpec.standard(
            process: try process(request),
            overlay: OverlayRoot(lower: request.root.layers, upper: storage.upper, work: storage.work),
            namespaces: namespaces(request),
            cgroupsPath: cgroupParent + "/" + request.id,
            cgroupNamespace: usesCgroupV2,
            resources: resources(request.resources, isPrivileged: request.security.isPrivileged),
            privileged: request.security.isPrivileged)
        spec.root = Root(path: "rootfs", readonly: request.security.isRootReadOnly ? true : nil)
        spec.mounts += etcMounts(request.sandbox)
        var mounts = request.mounts.map(mount)
        if let path = request.terminationMessagePath {
            mounts.append(.bind(storage.terminationLog, to: path, readOnly: false))
        }
        spec.mounts += mounts.sorted { $0.destination < $1.destination }
        // A mount that shares with the host has to be in a tree that does.
        if request.mounts.contains(where: { $0.propagation == .bidirectional }) {
            spec.linux.rootfsPropagation = "rshared"
        }
        if request.security.seccomp == .unconfined { spec.wherry.seccomp = .unconfined }
        spec.annotations = request.labels
        spec.annotations[Engine.stopSignalLabel] = request.root.config.stopSignal
        if request.takesMessageFromLog, let log = request.log { spec.annotations[Engine.messageLogLabel] = log.path }
        if !request.imageID.isEmpty { spec.annotations[Engine.imageLabel] = request.imageID }
        return spec
    }

    private static func process(_ request: ContainerRequest) throws(EngineError) -> Process {
        let image = request.root.config
        var arguments: [String]
        if let command = request.command {
            arguments = command + (request.arguments ?? [])
        } else {
            arguments = (image.entrypoint ?? []) + (request.arguments ?? image.cmd ?? [])
        }
        guard let program = arguments.first, !program.isEmpty else {
            throw EngineError(.invalidRequest, "no command specified: neither the container nor its image names one")
        }
        let directory = request.workingDirectory ?? image.workingDir.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
        guard directory.hasPrefix("/") else {
            throw EngineError(.invalidRequest, "the working directory \"\(directory)\" isn't an absolute path")
        }
        var process = Process(
            args: arguments, env: environment(request), cwd: directory, user: try user(request),
            capabilities: try capabilities(request.security),
            noNewPrivileges: request.security.allowsPrivilegeEscalation || request.security.isPrivileged ? nil : true)
        if request.hasTerminal { process.terminal = true }
        return process
    }

    /// The image's variables, then PATH and HOSTNAME where missing, then the request's.
    private static func environment(_ request: ContainerRequest) -> [String] {
        var order: [String] = []
        var values: [String: String] = [:]
        func set(_ entry: String) {
            let name = String(entry.prefix { $0 != "=" })
            if values.updateValue(entry, forKey: name) == nil { order.append(name) }
        }
        set("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        set("HOSTNAME=\(request.sandbox.hostname)")
        if request.hasTerminal { set("TERM=xterm") }
        for entry in request.root.config.env ?? [] { set(entry) }
        for entry in request.environment { set(entry) }
        return order.compactMap { values[$0] }
    }

    private static func user(_ request: ContainerRequest) throws(EngineError) -> User {
        let imageUser = request.root.config.user ?? ""
        var name = imageUser.isEmpty ? "0" : imageUser
        if let uid = request.user.uid { name = String(uid) }
        if request.user.mustNotBeRoot { try refuseRoot(name) }
        if let gid = request.user.gid { name = name.prefix { $0 != ":" } + ":\(gid)" }
        return User(
            additionalGids: request.user.supplementalGroups.isEmpty ? nil : request.user.supplementalGroups,
            username: name)
    }

    private static func refuseRoot(_ user: String) throws(EngineError) {
        let account = user.prefix { $0 != ":" }
        guard let uid = UInt32(account) else {
            throw EngineError(
                .invalidRequest,
                "container has runAsNonRoot and image has non-numeric user (\(account)), cannot verify user is non-root"
            )
        }
        guard uid != 0 else {
            throw EngineError(
                .invalidRequest, "container has runAsNonRoot and image will run as root; set runAsUser to another user")
        }
    }

    private static func capabilities(_ security: SecurityRequest) throws(EngineError) -> Capabilities {
        if security.isPrivileged { return .allowing(CapabilityNames.all.sorted()) }
        let dropped = try names(security.droppedCapabilities)
        let added = try names(security.addedCapabilities)
        var names = Set(dropped.contains("CAP_ALL") ? [] : Capabilities.defaultNames).subtracting(dropped)
        names.formUnion(added.contains("CAP_ALL") ? CapabilityNames.all : Set(added))
        return .allowing(names.sorted())
    }

    private static func names(_ raw: [String]) throws(EngineError) -> [String] {
        var names: [String] = []
        for name in raw {
            let upper = name.uppercased()
            let full = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
            guard full == "CAP_ALL" || CapabilityNames.all.contains(full) else {
                throw EngineError(.invalidRequest, "unknown capability \"\(name)\"")
            }
            names.append(full)
        }
        return names
    }

    private static func namespaces(_ request: ContainerRequest) -> [Namespace] {
        var namespaces = [Namespace(.mount)]
        if !request.usesHostPID { namespaces.append(Namespace(.pid, path: request.pidNamespace?.path)) }
        if !request.usesHostIPC {
            namespaces.append(Namespace(.ipc, path: request.ipcNamespace?.path ?? request.sandbox.ipcNamespace))
        }
        if !request.sandbox.usesHostNetwork {
            namespaces.append(Namespace(.network, path: request.sandbox.networkNamespace))
            namespaces.append(Namespace(.uts, path: request.sandbox.utsNamespace))
        }
        return namespaces
    }

    private static func etcMounts(_ sandbox: Sandbox) -> [Mount] {
        ["hosts", "hostname", "resolv.conf"].map { name in
            .bind("\(sandbox.etcDirectory)/\(name)", to: "/etc/\(name)", readOnly: false)
        }
    }

    private static func mount(_ request: MountRequest) -> Mount {
        switch request.source {
        case .host(let path):
            // A volume may hold devices or set-user-id programs only as far as the host path's own mount allows it.
            let access = request.isReadOnly ? request.isReadOnlyBelow ? "rro" : "ro" : "rw"
            return Mount(
                destination: request.destination, type: "bind", source: path,
                options: ["rbind", request.propagation.option, access])
        case .memory(let size):
            let options = ["nosuid", "nodev", "mode=1777"] + (size.map { ["size=\($0)"] } ?? [])
            return Mount(
                destination: request.destination, type: "tmpfs", source: "tmpfs",
                options: options + (request.isReadOnly ? ["ro"] : []))
        }
    }

    static func resources(_ request: ResourceRequest, isPrivileged: Bool) -> Resources {
        let period: Int64 = 100_000
        var cpu = Resources.CPU()
        if let millis = request.cpuRequestMillis {
            cpu.shares = UInt64(clamping: min(max(millis * 1024 / 1000, 2), 262_144))
        }
        if let millis = request.cpuLimitMillis, millis > 0 {
            cpu.quota = max(millis * period / 1000, 1000)
            cpu.period = UInt64(period)
        }
        let memory = request.memoryLimit.flatMap { $0 > 0 ? $0 : nil }
        return Resources(
            // Memory and swap together: a limit in Kubernetes means no swap beyond it.
            memory: memory.map { Resources.Memory(limit: $0, swap: $0) },
            cpu: cpu == Resources.CPU() ? nil : cpu,
            pids: request.pidsLimit.map { Resources.PIDs(limit: $0) },
            devices: isPrivileged ? [Resources.DeviceRule(allow: true, access: "rwm")] : nil)
    }
}

extension MountRequest.Propagation {
    fileprivate var option: String {
        switch self {
        case .none: "rprivate"
        case .hostToContainer: "rslave"
        case .bidirectional: "rshared"
        }
    }
}

/// Where a container's own files are.
struct ContainerStorage: Sendable, Hashable {
    /// `<data>/containers/<id>`
    var directory: String

    var upper: String { directory + "/upper" }
    var work: String { directory + "/work" }
    var terminationLog: String { directory + "/termination-log" }
}

/// The capabilities of Linux 6.x, by name.
enum CapabilityNames {
    static let all: Set<String> = [
        "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
        "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_KILL", "CAP_LEASE", "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",
        "CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_RAW",
        "CAP_PERFMON", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYSLOG", "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_NICE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
        "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_WAKE_ALARM",
    ]
}
