import ContainerEngine
import ContainerRuntime
import Images
import Linux
import Logging
import OCI
import ResourceStore
import Resources

extension PodWorker {
    /// Makes volumes and sandbox, or finds them.
    func prepare() async -> PodEvent {
        do {
            try await prepareVolumes()
        } catch let error as VolumeError {
            return .preparationFailed(reason: "FailedMount", message: "\(error)")
        } catch {
            return .preparationFailed(reason: "FailedMount", message: "the pod's configuration can't be read: \(error)")
        }
        do {
            sandbox = try await context.engine.makeSandbox(sandboxRequest())
        } catch {
            return .preparationFailed(reason: "FailedCreatePodSandBox", message: "\(error)")
        }
        return .prepared
    }

    private func prepareVolumes() async throws {
        guard pod.spec.volumes?.isEmpty == false else { return }
        let (pod, volumes) = (pod, context.volumes)
        let next = await nextTokens(pod)
        if let failure = next.failure { throw failure }
        let content = try await content(pod, next.tokens)
        preparedVolumes = try await context.volumeLane.run { try volumes.prepare(pod, content: content) }
        tokens.wrote(next.tokens, of: pod)
    }

    /// The objects last: a token may take its time, and what is written is to be new.
    private func content(
        _ pod: Pod, _ tokens: [PodToken.Source: PodToken]
    ) async throws -> VolumePayload.Content {
        let facts = await facts()
        let configuration = try await ConfigurationSnapshot.load(for: pod, from: context.store)
        return VolumePayload.Content(configuration: configuration, facts: facts, tokens: tokens)
    }

    /// Brings the files of ConfigMap and Secret volumes, and tokens, up to date while the containers run.
    func refreshVolumes() async {
        guard machineIsUp, pod.spec.volumes?.isEmpty == false else { return }
        let (pod, volumes) = (pod, context.volumes)
        do {
            let next = await nextTokens(pod)
            let content = try await content(pod, next.tokens)
            let failures = try await context.volumeLane.run { volumes.refresh(pod, content: content) }
            tokens.wrote(next.tokens, of: pod, except: Set(failures.map(\.volume)))
            if let failure = next.failure { throw failure }
            if let failure = failures.first { throw failure }
        } catch {
            // What the containers see stays as it was.
            note(.warning("FailedMount", "\(error)"))
        }
    }

    private var machineIsUp: Bool { sandbox != nil }

    private func sandboxRequest() -> SandboxRequest {
        let spec = pod.spec
        var request = SandboxRequest(
            id: uid, hostname: String((spec.hostname ?? key.name).prefix(63)),
            usesHostNetwork: spec.hostNetwork == true,
            sharesIPC: spec.containers.count + (spec.initContainers?.count ?? 0) > 1 && spec.hostIPC != true)
        request.hostAliases = (spec.hostAliases ?? []).map {
            SandboxRequest.HostAlias(address: $0.ip, names: $0.hostnames ?? [])
        }
        for sysctl in spec.ownSysctls { request.sysctls[sysctl.name] = sysctl.value }
        if let dns = spec.dnsConfig {
            request.resolver = ResolverSettings(
                nameServers: dns.nameservers ?? [], searchDomains: dns.searches ?? [],
                options: (dns.options ?? []).map { option in
                    (option.name ?? "") + (option.value.map { ":" + $0 } ?? "")
                }, extendsHost: spec.dnsPolicy != "None")
        }
        return request
    }

    /// Creates and starts one attempt of a container.
    func start(_ name: String, attempt: Int) async {
        do {
            let request = try await request(name, attempt)
            let record = try await context.engine.create(request)
            note(.normal("Created", "Created container: \(name)", container: name))
            try await context.engine.start(record.id)
            let start = started(request, at: await context.engine.inspect(record.id)?.startedAt ?? "")
            send(.container(name, .started(attempt: attempt, start)))
            note(.normal("Started", "Started container \(name)", container: name))
            await pinImage(of: name)
        } catch let error as ConfigurationError {
            startFailed(name, attempt, "CreateContainerConfigError", error.message)
        } catch let error as EngineError where error.code == .invalidRequest {
            startFailed(name, attempt, "CreateContainerConfigError", error.message)
        } catch let error as EngineError {
            await engineFailed(name, attempt, error)
        } catch {
            startFailed(name, attempt, "CreateContainerError", "\(error)")
        }
    }

    private func startFailed(_ name: String, _ attempt: Int, _ reason: String, _ message: String) {
        send(.container(name, .startFailed(attempt: attempt, reason: reason, message: message)))
    }

    /// A program that can't be run counts as one that ran and failed, with the shell's exit codes, so that the restart
    /// policy and its back-off apply.
    private func engineFailed(_ name: String, _ attempt: Int, _ error: EngineError) async {
        let cause = error.cause as? RuntimeError
        let cannotRun = cause?.code == .commandNotFound || cause?.code == .permissionDenied
        guard error.code == .startFailed || cannotRun else {
            resolvedImages = [:]
            startFailed(name, attempt, "CreateContainerError", "\(error)")
            return
        }
        let time = WallClock.timestamp()
        let id = containerID(name, attempt)
        let image = specification(of: name).flatMap { resolvedImages[$0.image ?? ""] }
        let plan = specification(of: name).map { ContainerPlan.hash(of: $0) } ?? ""
        let start = ContainerStart(
            containerID: id, imageID: image.map(imageReference) ?? "", startedAt: time, specHash: plan)
        send(.container(name, .started(attempt: attempt, start)))
        send(
            .container(
                name,
                .exited(
                    attempt: attempt,
                    ContainerEnd(
                        containerID: id, exitCode: cause?.exitCode ?? 128, signal: nil,
                        reason: cannotRun ? "ContainerCannotRun" : "StartError",
                        message: "\(cause?.message ?? error.message)",
                        startedAt: time, finishedAt: time))))
        note(.warning("Failed", "Error: \(cause?.message ?? error.message)", container: name))
    }

    private func request(_ name: String, _ attempt: Int) async throws -> ContainerRequest {
        guard let container = specification(of: name), let sandbox else {
            throw ConfigurationError(message: "the pod's sandbox isn't ready")
        }
        guard let image = try await image(of: container) else {
            throw ConfigurationError(message: "image \"\(container.image ?? "")\" is gone from the image store")
        }
        let configuration = try await ConfigurationSnapshot.load(for: pod, from: context.store)
        await keepManifest()
        var blueprint = ContainerBlueprint(
            pod: pod, container: container, attempt: attempt, configuration: configuration, facts: await facts(),
            nodeCapacity: await context.node.capacity, imageConfig: image.config, layers: image.layerDirectories,
            sandbox: sandbox, volumes: preparedVolumes, logPath: logPath(name, attempt))
        // The other pods' networks do not reach the API.
        if pod.spec.hostNetwork == true { blueprint.services = context.api.environment }
        var request = try blueprint.request()
        request.usesHostPID = pod.spec.hostPID == true
        request.usesHostIPC = pod.spec.hostIPC == true
        request.labels[ContainerLabels.imageReference] = imageReference(image)
        request.imageID = "\(image.id)"
        if let ephemeral = pod.spec.ephemeralContainers?.first(where: { $0.container.name == name }) {
            try await join(ephemeral, &request)
        }
        return request
    }

    /// Beside what runs, so that it is found again by it should the store be lost.
    private func keepManifest() async {
        let (manifest, volumes, uid) = (LostPods.manifest(of: resource), context.volumes, uid)
        do {
            try await context.volumeLane.run { try volumes.keep(manifest: manifest, of: uid) }
        } catch {
            context.logger.warning(
                "the pod's manifest can't be kept", metadata: ["pod": "\(key)", "error": "\(error)"])
        }
    }

    private func started(_ request: ContainerRequest, at time: String) -> ContainerStart {
        ContainerStart(
            containerID: request.id, imageID: request.labels[ContainerLabels.imageReference] ?? "", startedAt: time,
            specHash: request.labels[ContainerLabels.specHash] ?? "")
    }

    /// As Kubernetes shows it: where the image came from by digest, else the image's own id.
    private func imageReference(_ image: Image) -> String { image.repositoryDigests.first ?? "\(image.id)" }
}
