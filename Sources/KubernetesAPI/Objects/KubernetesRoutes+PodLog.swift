import HTTPServing
import HTTPTypes
import Hummingbird
import JSON
import ResourceStore
import Resources

extension KubernetesRoutes {
    /// `pods/NAME/log`: refuses what cannot have a log in the words of the real API, then streams.
    func podLog(_ request: ObjectRequest) async throws -> Response {
        let pod = try await store.get(request.key)
        let container = try Self.container(of: pod, named: request.query.text("container"))
        let query = request.query
        let log = PodLogRequest(
            namespace: request.key.namespace ?? "", pod: request.key.name, container: container,
            follow: try query.flag("follow"), previous: try query.flag("previous"),
            timestamps: try query.flag("timestamps"), tailLines: try Self.count(query, "tailLines"),
            sinceSeconds: try Self.count(query, "sinceSeconds"), sinceTime: query.text("sinceTime"),
            limitBytes: try Self.count(query, "limitBytes"))
        try Self.checkStarted(pod, container, previous: log.previous)
        let pieces = try await readLogs(log)
        let headers: HTTPFields = [.contentType: "text/plain"]
        guard log.follow else {
            return Response(
                status: .ok, headers: headers,
                body: ResponseBody { writer in
                    for try await piece in pieces { try await writer.write(ByteBuffer(bytes: piece)) }
                    try await writer.finish(nil)
                })
        }
        return Response(
            status: .ok, headers: headers,
            body: .stream(for: request.request) { writer in
                for try await piece in pieces { try await writer.write(piece) }
            })
    }

    private static func count(_ query: QueryParameters, _ name: String) throws(StatusError) -> Int? {
        guard let number = try query.integer(name) else { return nil }
        guard number >= 0 else {
            throw .badRequest("\(name): Invalid value: \(number): must be greater than or equal to 0")
        }
        return number
    }

    private static func names(_ pod: Resource, _ field: String) -> [String] {
        pod.value[path: "spec", field]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
    }

    /// The container that a client means: the one it names, the one that the pod's annotation names, or the only one.
    static func container(
        of pod: Resource, named name: String?, annotation: String? = nil
    ) throws(StatusError) -> String {
        let containers = names(pod, "containers")
        let initContainers = names(pod, "initContainers")
        if let name {
            guard (containers + initContainers + names(pod, "ephemeralContainers")).contains(name) else {
                throw .badRequest("container \(name) is not valid for pod \(pod.name)")
            }
            return name
        }
        if let preferred = annotation.flatMap({ pod.value[path: "metadata", "annotations", $0]?.stringValue }),
            containers.contains(preferred)
        {
            return preferred
        }
        if containers.count == 1 { return containers[0] }
        var message =
            "a container name must be specified for pod \(pod.name), choose one of: "
            + "[\(containers.joined(separator: " "))]"
        if !initContainers.isEmpty {
            message += " or one of the init containers: [\(initContainers.joined(separator: " "))]"
        }
        let ephemeral = names(pod, "ephemeralContainers")
        if !ephemeral.isEmpty {
            message += " or one of the ephemeral containers: [\(ephemeral.joined(separator: " "))]"
        }
        throw .badRequest(message)
    }

    /// As the kubelet words it.
    private static func checkStarted(_ pod: Resource, _ container: String, previous: Bool) throws(StatusError) {
        let statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].flatMap {
            pod.value[path: "status", $0]?.arrayValue ?? []
        }
        let status = statuses.first { $0["name"]?.stringValue == container }
        let ended = status?[path: "lastState", "terminated"] != nil
        if previous {
            guard ended || (status?["restartCount"]?.intValue ?? 0) > 0 else {
                throw .badRequest("previous terminated container \"\(container)\" in pod \"\(pod.name)\" not found")
            }
            return
        }
        guard let status else {
            if pod.value[path: "spec", "nodeName"]?.stringValue?.isEmpty != false {
                throw .badRequest("pod \(pod.name) does not have a host assigned")
            }
            return
        }
        guard !ended, let waiting = status[path: "state", "waiting"] else { return }
        let reason = waiting["reason"]?.stringValue ?? "ContainerCreating"
        let words =
            switch reason {
            case "ErrImagePull": "trying and failing to pull image"
            case "ImagePullBackOff": "image can't be pulled"
            default: reason
            }
        guard reason != "CrashLoopBackOff" else { return }
        throw .badRequest("container \"\(container)\" in pod \"\(pod.name)\" is waiting to start: \(words)")
    }
}
