internal import FleetProtocol
internal import Linux
internal import ResourceStore
public import Resources

/// A command that waits for its answer's pieces.
struct PendingCommand {
    let device: DeviceID
    let stream: AsyncThrowingStream<[UInt8], any Error>.Continuation
    /// Resumed by the first piece: until then a failure is the request's own.
    var first: CheckedContinuation<Void, any Error>?
    var next: Int64 = 0
    var deadline: MonotonicInstant?
}

extension FleetHub {
    /// How long a connected device may take for the first piece of an answer.
    private static let patience = Duration.seconds(15)

    /// A container's log, read on the device over the broker.
    ///
    /// - Throws: 404 for an unknown pod, 400 when several devices have it, 503 when the device is not connected, 504 when it does
    ///   not answer in time, and whatever the device answers.
    public func logs(_ request: PodLogRequest) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let (device, pod) = try await locate(request)
        guard connection != nil, let session = sessions[device], session.isConnected else {
            let silence = secondsSinceContact[device.text].map { ", last heard of \($0) s ago" } ?? ""
            throw StatusError.serviceUnavailable(
                "device \"\(device)\" is not connected to the hub\(silence): its logs can be read on the device itself")
        }
        let id = Envelope.randomID()
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream(
            bufferingPolicy: .bufferingOldest(1024))
        let ended = endings.continuation
        continuation.onTermination = { reason in if case .cancelled = reason { ended.yield(id) } }
        let logs = LogsRequest(
            namespace: request.namespace, pod: pod, container: request.container, follow: request.follow,
            previous: request.previous, timestamps: request.timestamps, tailLines: request.tailLines,
            sinceSeconds: request.sinceSeconds, sinceTime: request.sinceTime, limitBytes: request.limitBytes)
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { first in
                commands[id] = PendingCommand(
                    device: device, stream: continuation, first: first,
                    deadline: MonotonicInstant.now().advanced(by: Self.patience))
                send(Command(id: id, deadline: Self.milliseconds() + 30_000, logs: logs), .command, device, expiry: 30)
            }
        } onCancel: {
            ended.yield(id)
        }
        return stream
    }

    /// Which device has the pod, and under which name.
    private func locate(_ request: PodLogRequest) async throws -> (DeviceID, String) {
        let key = ResourceKey(type: .pod, namespace: request.namespace, name: request.pod)
        let pod = try await store.get(key)
        if let text = pod.labels[WherryLabels.device], let device = try? DeviceID(text) {
            return (device, pod.annotations[ReportMirror.originalName] ?? pod.name)
        }
        let devices = (plan.assignments[key] ?? []).sorted { $0.text < $1.text }
        guard let device = devices.first else {
            throw StatusError.badRequest("pod \"\(request.pod)\" is on no device: no device matches its node selector")
        }
        guard devices.count == 1 else {
            let names = devices.prefix(5).map { "\(request.pod).\($0)" }.joined(separator: ", ")
            throw StatusError.badRequest(
                "pod \"\(request.pod)\" runs on \(devices.count) devices, choose one of: \(names)")
        }
        return (device, request.pod)
    }

    /// A piece of an answer came.
    func answer(_ reply: CommandReply, from device: DeviceID) {
        guard var command = commands[reply.command], command.device == device, reply.index >= command.next else {
            return
        }
        if let failure = reply.error {
            return finish(
                reply.command,
                StatusError(
                    code: failure.status, reason: .init(rawValue: failure.reason), message: failure.message))
        }
        guard reply.index == command.next, let bytes = reply.bytes else {
            cancelAtDevice(reply.command, device)
            return finish(
                reply.command,
                StatusError.internalError("a part of the answer of device \"\(device)\" was lost: try again"))
        }
        command.next += 1
        command.deadline = nil
        let first = command.first
        command.first = nil
        commands[reply.command] = command
        first?.resume()
        if !bytes.isEmpty, case .dropped = command.stream.yield(bytes) {
            cancelAtDevice(reply.command, device)
            return finish(reply.command, StatusError.serviceUnavailable("the log was read too slowly: try again"))
        }
        if reply.eof { finish(reply.command, nil) }
    }

    /// Readers that went away: the device need not send more.
    func endCommands() async {
        for await id in endings.stream {
            guard let command = commands[id] else { continue }
            cancelAtDevice(id, command.device)
            finish(id, CancellationError())
        }
    }

    func failLateCommands(_ now: MonotonicInstant) {
        for (id, command) in commands {
            guard let deadline = command.deadline, now >= deadline else { continue }
            finish(id, StatusError.timeout("device \"\(command.device)\" did not answer in time: try again"))
        }
    }

    func failCommands(of device: DeviceID) {
        for (id, command) in commands where command.device == device {
            finish(id, StatusError.serviceUnavailable("the connection of device \"\(device)\" broke"))
        }
    }

    private func finish(_ id: String, _ error: (any Error)?) {
        guard let command = commands.removeValue(forKey: id) else { return }
        if let first = command.first {
            if let error { first.resume(throwing: error) } else { first.resume() }
        }
        if let error { command.stream.finish(throwing: error) } else { command.stream.finish() }
    }

    private func cancelAtDevice(_ id: String, _ device: DeviceID) {
        send(
            Command(id: Envelope.randomID(), deadline: Self.milliseconds() + 30_000, cancel: id), .command, device,
            expiry: 30)
    }
}
