import JSON
import Linux
import Logging
import ResourceStore
import Resources

/// Keeps this machine's Node object true: what it has, what it is, how it does.
///
/// The object is written when something changed. A heartbeat is no change, and so costs no write to flash.
actor NodeReporter {
    private let store: Store
    private let nodeName: String
    private let dataDirectory: String
    private let isDataReadOnly: Bool
    private let clock: AgentClock
    private let logger: Logger
    private(set) var address = "127.0.0.1"
    private(set) var capacity: [String: Quantity] = [:]

    private static let interval = Duration.seconds(15)
    private static let runtimeVersion = "0.1"

    init(
        store: Store, nodeName: String, dataDirectory: String, isDataReadOnly: Bool, clock: AgentClock, logger: Logger
    ) {
        self.store = store
        self.nodeName = nodeName
        self.dataDirectory = dataDirectory
        self.isDataReadOnly = isDataReadOnly
        self.clock = clock
        self.logger = logger
    }

    nonisolated var key: ResourceKey { ResourceKey(type: .node, namespace: nil, name: nodeName) }

    /// Refreshes the object until cancelled.
    ///
    /// - Parameter meanwhile: what else is to be looked at now and then, so that an idle machine wakes once for all of it.
    func run(meanwhile: @Sendable () async -> Void) async {
        while !Task.isCancelled {
            try? await clock.sleep(Self.interval)
            if Task.isCancelled { return }
            await refresh()
            await meanwhile()
        }
    }

    /// Brings the object up to date once; makes it when it is missing.
    func refresh() async {
        address = MachineFacts.address()
        capacity = MachineFacts.capacity(dataDirectory: dataDirectory)
        do {
            try await write()
        } catch {
            logger.error("node status can't be stored", metadata: ["node": "\(nodeName)", "error": "\(error)"])
        }
    }

    /// The node as pods are matched against it; nil when it can't be read.
    func node() async throws -> Node? { try await store.find(key)?.decode(as: Node.self) }

    private func write() async throws {
        let now = Timestamp(seconds: WallClock.now().seconds)
        if try await store.find(key) == nil {
            var node = Node(metadata: ObjectMeta(name: nodeName, labels: ownLabels))
            node.spec = NodeSpec()
            do {
                _ = try await store.create(try Resource(encoding: node))
            } catch let error as StatusError where error.code == 409 {
                // Made by somebody else meanwhile.
            }
        }
        let labels = ownLabels
        let current = try await store.get(key)
        if labels.contains(where: { current.labels[$0.key] != $0.value }) {
            try await store.update(key) { $0.labels.merge(labels) { $1 } }
        }
        let status = status(old: try current.decode(as: Node.self).status, now: now)
        try await store.update(key, subresource: .status) { resource in
            var node = try resource.decode(as: Node.self)
            node.status = status
            resource.value["status"] = try Resource(encoding: node).value["status"]
        }
    }

    /// The labels that Kubernetes' own agent sets; the user's stay as they are.
    private var ownLabels: [String: String] {
        [
            WherryLabels.hostname: nodeName, WherryLabels.operatingSystem: "linux",
            WherryLabels.architecture: MachineFacts.architecture,
        ]
    }

    private func status(old: NodeStatus?, now: Timestamp) -> NodeStatus {
        var status = old ?? NodeStatus()
        status.capacity = capacity
        status.allocatable = capacity
        status.addresses = [
            NodeAddress(type: "InternalIP", address: address), NodeAddress(type: "Hostname", address: nodeName),
        ]
        status.nodeInfo = MachineFacts.info(runtimeVersion: Self.runtimeVersion)
        let pressure = MachineFacts.pressure(dataDirectory: dataDirectory)
        let previous = status.conditions ?? []
        status.conditions = [
            condition(
                "MemoryPressure", pressure.memory, "KubeletHasSufficientMemory", "KubeletHasInsufficientMemory",
                "kubelet has sufficient memory available", "less than 5% of memory is available", previous, now),
            condition(
                "DiskPressure", pressure.disk, "KubeletHasNoDiskPressure", "KubeletHasDiskPressure",
                "kubelet has no disk pressure", "less than 10% of the data directory's disk is available", previous, now
            ),
            condition(
                "PIDPressure", pressure.pids, "KubeletHasSufficientPID", "KubeletHasInsufficientPID",
                "kubelet has sufficient PID available", "less than 10% of process numbers are available", previous, now),
            condition("Ready", true, "", "KubeletReady", "", "kubelet is posting ready status", previous, now),
        ]
        if isDataReadOnly {
            status.conditions?.append(
                condition(
                    "ReadonlyFilesystem", true, "", "FilesystemIsReadOnly", "",
                    "the data directory is read-only: what changes now is lost with the power", previous, now))
        }
        return status
    }

    private func condition(
        _ type: String, _ isTrue: Bool, _ falseReason: String, _ trueReason: String, _ falseMessage: String,
        _ trueMessage: String, _ previous: [NodeCondition], _ now: Timestamp
    ) -> NodeCondition {
        let status = isTrue ? "True" : "False"
        let old = previous.first { $0.type == type }
        let isSame = old?.status == status
        return NodeCondition(
            type: type, status: status, lastHeartbeatTime: isSame ? old?.lastHeartbeatTime : now,
            lastTransitionTime: isSame ? old?.lastTransitionTime : now, reason: isTrue ? trueReason : falseReason,
            message: isTrue ? trueMessage : falseMessage)
    }
}
