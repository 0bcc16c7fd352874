import JSON
import Resources

extension PodPlan {
    /// The state machine's view of a pod.
    init(_ pod: Pod) {
        displayName = "\(pod.metadata.name)_\(pod.metadata.namespace ?? "")(\(pod.metadata.uid ?? ""))"
        qualifiedName = "\(pod.metadata.namespace ?? "")/\(pod.metadata.name)"
        restartPolicy = RestartPolicy(rawValue: pod.spec.restartPolicy ?? "") ?? .always
        terminationGracePeriod = .seconds(max(0, pod.spec.terminationGracePeriodSeconds ?? 30))
        activeDeadline = pod.spec.activeDeadlineSeconds.map { .seconds($0) }
        initContainers = (pod.spec.initContainers ?? []).map { ContainerPlan($0) }
        containers = pod.spec.containers.map { ContainerPlan($0) }
        ephemeralContainers = (pod.spec.ephemeralContainers ?? []).map { ContainerPlan($0.container) }
    }
}

extension ContainerPlan {
    init(_ container: Container) {
        let image = container.image ?? ""
        name = container.name
        self.image = image
        specHash = Self.hash(of: container)
        pullPolicy = PullPolicy(rawValue: container.imagePullPolicy ?? "") ?? .ifNotPresent
        isSidecar = container.restartPolicy == "Always"
        startup = container.startupProbe.map { ProbePlan($0, container) }
        liveness = container.livenessProbe.map { ProbePlan($0, container) }
        readiness = container.readinessProbe.map { ProbePlan($0, container) }
        hasPostStart = container.lifecycle?.postStart != nil
        hasPreStop = container.lifecycle?.preStop != nil
    }

    /// FNV-1a over what a container is made from. Probes, hooks and policies act on a running container and are left
    /// out, so that a change in their defaults never restarts anything.
    static func hash(of container: Container) -> String {
        var picked = container
        picked.livenessProbe = nil
        picked.readinessProbe = nil
        picked.startupProbe = nil
        picked.lifecycle = nil
        picked.imagePullPolicy = nil
        picked.terminationMessagePath = nil
        picked.terminationMessagePolicy = nil
        let bytes = (try? JSONValue(encoding: picked))?.serialized() ?? Array((container.image ?? "").utf8)
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}

extension ProbePlan {
    init(_ probe: Probe, _ container: Container) {
        action = HandlerAction(probe, container)
        initialDelay = .seconds(max(0, probe.initialDelaySeconds ?? 0))
        period = .seconds(max(1, probe.periodSeconds ?? 10))
        timeout = .seconds(max(1, probe.timeoutSeconds ?? 1))
        successThreshold = max(1, probe.successThreshold ?? 1)
        failureThreshold = max(1, probe.failureThreshold ?? 3)
        terminationGracePeriod = probe.terminationGracePeriodSeconds.map { .seconds(max(0, $0)) }
    }
}

extension HandlerAction {
    init(_ probe: Probe, _ container: Container) {
        if let exec = probe.exec {
            self = .exec(exec.command ?? [])
        } else if let http = probe.httpGet {
            self = .init(http, container)
        } else if let tcp = probe.tcpSocket {
            self = .init(tcp, container)
        } else {
            self = .unsupported("gRPC probes aren't supported; use exec, httpGet or tcpSocket")
        }
    }

    init(_ handler: LifecycleHandler, _ container: Container) {
        if let exec = handler.exec {
            self = .exec(exec.command ?? [])
        } else if let http = handler.httpGet {
            self = .init(http, container)
        } else if let tcp = handler.tcpSocket {
            self = .init(tcp, container)
        } else if let sleep = handler.sleep {
            self = .sleep(.seconds(max(0, sleep.seconds)))
        } else {
            self = .unsupported("the lifecycle handler names no action")
        }
    }

    private init(_ action: HTTPGetAction, _ container: Container) {
        guard let port = container.port(action.port) else {
            self = .unsupported("the container has no port named \"\(action.port)\"")
            return
        }
        self = .http(
            HTTP(
                scheme: action.scheme ?? "HTTP", host: action.host.flatMap { $0.isEmpty ? nil : $0 }, port: port,
                path: action.path.flatMap { $0.isEmpty ? nil : $0 } ?? "/",
                headers: (action.httpHeaders ?? []).map { Header(name: $0.name, value: $0.value) }))
    }

    private init(_ action: TCPSocketAction, _ container: Container) {
        guard let port = container.port(action.port) else {
            self = .unsupported("the container has no port named \"\(action.port)\"")
            return
        }
        self = .tcp(host: action.host.flatMap { $0.isEmpty ? nil : $0 }, port: port)
    }
}

extension Container {
    fileprivate func port(_ port: IntOrString) -> Int? {
        switch port {
        case .int(let number): number
        case .string(let name): ports?.first { $0.name == name }?.containerPort ?? Int(name)
        }
    }
}
