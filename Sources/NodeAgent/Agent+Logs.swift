import ContainerEngine
import Linux
import ResourceStore
public import Resources

extension Agent {
    /// A container's log as `kubectl logs` asks for it, read as fast as the caller takes it.
    /// - Throws: ``StatusError`` in Kubernetes' words: no such pod or container, nothing to read yet, no previous run.
    public func logs(_ request: PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        try await LogSource(context: context, supervisor: supervisor).open(request)
    }
}

/// Finds the log file that a request means.
struct LogSource {
    let context: AgentContext
    let supervisor: PodSupervisor

    func open(_ request: PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let key = ResourceKey(type: .pod, namespace: request.namespace, name: request.pod)
        let pod = try await context.store.get(key).decode(as: Pod.self)
        let name = try container(request.container, of: pod)
        let status = pod.status?.allContainerStatuses.first { $0.name == name }
        let worker = await supervisor.worker(for: key)
        var attempt = await worker?.attempt(of: name) ?? status?.restartCount ?? 0
        let uid = pod.metadata.uid ?? ""
        func path(_ attempt: Int) -> String {
            context.logDirectory(namespace: request.namespace, pod: request.pod, uid: uid) + "/\(name)/\(attempt).log"
        }
        if request.previous {
            attempt -= 1
            guard attempt >= 0, Files.exists(path(attempt)) else {
                throw StatusError.badRequest(
                    "previous terminated container \"\(name)\" in pod \"\(request.pod)\" not found")
            }
        } else if !Files.exists(path(attempt)) {
            if attempt > 0, Files.exists(path(attempt - 1)) {
                // Its next attempt hasn't begun to write.
                attempt -= 1
            } else if let waiting = status?.state?.waiting {
                throw StatusError.badRequest(
                    "container \"\(name)\" in pod \"\(request.pod)\" is waiting to start: \(waiting.reason ?? "unknown")"
                )
            } else if status == nil {
                throw StatusError.badRequest("container \"\(name)\" in pod \"\(request.pod)\" is not available")
            }
        }
        let id = ContainerBlueprint.containerID(podUID: uid, container: name, attempt: attempt)
        return context.engine.readLog(path: path(attempt), query: try query(request), following: id)
    }

    private func container(_ wanted: String?, of pod: Pod) throws -> String {
        let names = pod.spec.containers.map(\.name)
        let initial = (pod.spec.initContainers ?? []).map(\.name)
        if let wanted, !wanted.isEmpty {
            guard pod.spec.everyContainer.contains(where: { $0.name == wanted }) else {
                throw StatusError.badRequest("container \(wanted) is not valid for pod \(pod.metadata.name)")
            }
            return wanted
        }
        if names.count == 1, let only = names.first { return only }
        var choices =
            "a container name must be specified for pod \(pod.metadata.name), choose one of: [\(names.joined(separator: " "))]"
        if !initial.isEmpty { choices += " or one of the init containers: [\(initial.joined(separator: " "))]" }
        throw StatusError.badRequest(choices)
    }

    private func query(_ request: PodLogRequest) throws -> LogQuery {
        var query = LogQuery()
        query.tailLines = request.tailLines
        query.limitBytes = request.limitBytes
        query.timestamps = request.timestamps
        query.follow = request.follow
        if let seconds = request.sinceSeconds {
            let now = WallClock.now()
            query.since = LogQuery.Moment(seconds: now.seconds - Int64(seconds), nanoseconds: now.nanoseconds)
        } else if let text = request.sinceTime {
            guard let time = RFC3339.parse(text) else { throw StatusError.badRequest("invalid sinceTime \"\(text)\"") }
            query.since = LogQuery.Moment(seconds: time.seconds, nanoseconds: time.nanoseconds)
        }
        return query
    }
}
