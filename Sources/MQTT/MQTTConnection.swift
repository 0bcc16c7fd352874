import Linux
internal import Synchronization

/// One connection to a broker: made by `open`, over when it is lost. A new try is a new connection.
///
/// libmosquitto runs on one thread of this connection's own, which alone touches the C object and frees it at its end.
public final class MQTTConnection: Sendable {
    /// What was agreed with the broker.
    public let version: MQTTConfiguration.Version
    /// For one reader.
    public let messages: MQTTMessages
    private let requests: RequestQueue

    init(version: MQTTConfiguration.Version, messages: MQTTMessages, requests: RequestQueue) {
        self.version = version
        self.messages = messages
        self.requests = requests
    }

    deinit { requests.abort() }

    /// Connects; returns after the broker's CONNACK.
    public static func open(_ configuration: MQTTConfiguration) async throws(MQTTError) -> MQTTConnection {
        var last = MQTTError(.invalid, "no MQTT version to try")
        for version in configuration.versions {
            do throws(MQTTError) { return try await open(configuration, version) } catch {
                guard error.code == .unsupportedVersion else { throw error }
                last = error
            }
        }
        throw last
    }

    private static func open(
        _ configuration: MQTTConfiguration, _ version: MQTTConfiguration.Version
    ) async throws(MQTTError) -> MQTTConnection {
        let wake = try WakeDescriptor()
        let requests = RequestQueue(wake: wake)
        let inbox = Inbox(limit: configuration.inboxLimit, wake: wake)
        let outcome = await withTaskCancellationHandler {
            await requests.opening(within: configuration.connectTimeout, of: configuration.host) {
                Thread.start(name: "mqtt", stackSize: 512 << 10) {
                    NetworkLoop(configuration, version, requests: requests, inbox: inbox).run()
                }
            }
        } onCancel: {
            requests.giveUp(MQTTError(.closed, "the connection was given up"))
        }
        try outcome.get()
        return MQTTConnection(version: version, messages: MQTTMessages(inbox: inbox), requests: requests)
    }

    /// Returns after the broker's SUBACK. A granted filter says nothing of what its access list lets through.
    public func subscribe(_ filters: [String], qos: Int32 = 1) async throws(MQTTError) {
        try await perform { .subscribe(filters, qos, $0) }
    }

    /// QoS 0 returns when the message is handed over, QoS 1 after the PUBACK; a refusal needs MQTT 5 to be seen.
    ///
    /// - Parameter expiry: Seconds after which the broker drops the undelivered message; MQTT 5 only.
    public func publish(
        _ topic: String, _ payload: [UInt8], qos: Int32 = 1, retain: Bool = false, expiry: UInt32? = nil
    ) async throws(MQTTError) {
        let publication = Publication(topic: topic, payload: payload, qos: qos, retain: retain, expiry: expiry)
        try await perform { .publish(publication, $0) }
    }

    /// Says goodbye, so that the broker does not send the will; returns when the connection is gone.
    public func disconnect() async {
        _ = try? await perform { .disconnect($0) }
    }

    /// Why the connection is over; nil while it lives.
    public var closeReason: MQTTError? { requests.over }

    /// Drops the connection without a word; the broker sends the will.
    public func abort() { requests.abort() }

    private func perform(_ make: (Request.Waiter) -> Request) async throws(MQTTError) {
        let outcome = await withCheckedContinuation { requests.add(make($0)) }
        try outcome.get()
    }
}

struct Publication: Sendable {
    let topic: String
    let payload: [UInt8]
    let qos: Int32
    let retain: Bool
    let expiry: UInt32?
}

enum Request: Sendable {
    typealias Outcome = Result<Void, MQTTError>
    typealias Waiter = CheckedContinuation<Outcome, Never>
    case publish(Publication, Waiter)
    case subscribe([String], Int32, Waiter)
    case disconnect(Waiter)

    var waiter: Waiter {
        switch self {
        case .publish(_, let waiter), .subscribe(_, _, let waiter), .disconnect(let waiter): waiter
        }
    }
}

/// What other threads want of the network thread.
final class RequestQueue: Sendable {
    private struct State {
        var pending: [Request] = []
        var aborted = false
        var over: MQTTError?
    }
    private let state = Mutex(State())
    private let opened = Mutex<Request.Waiter?>(nil)
    let wake: WakeDescriptor

    init(wake: WakeDescriptor) { self.wake = wake }

    /// Answers at once when the connection is over.
    func add(_ request: Request) {
        let over = state.withLock { state -> MQTTError? in
            if state.over == nil { state.pending.append(request) }
            return state.over
        }
        guard let over else { return wake.signal() }
        if case .disconnect(let waiter) = request {
            waiter.resume(returning: .success(()))
        } else {
            request.waiter.resume(returning: .failure(over))
        }
    }

    func abort() {
        state.withLock { $0.aborted = true }
        wake.signal()
    }

    var over: MQTTError? { state.withLock { $0.over } }

    var isAborted: Bool { state.withLock { $0.aborted } }

    func take() -> [Request] {
        state.withLock { state in
            defer { state.pending.removeAll() }
            return state.pending
        }
    }

    /// Refuses everything from now on; returns what was still waiting.
    func finish(_ error: MQTTError) -> [Request] {
        state.withLock { state in
            state.over = error
            defer { state.pending.removeAll() }
            return state.pending
        }
    }

    /// Starts the thread and waits for its verdict, or for the time to run out.
    ///
    /// The thread may hang in the kernel's connect for two minutes: it is left behind, and ends itself when it comes back.
    func opening(
        within limit: Duration, of host: String, _ start: @escaping @Sendable () -> Void
    ) async -> Request.Outcome {
        await withTaskGroup(of: Request.Outcome?.self) { group in
            group.addTask {
                await withCheckedContinuation { continuation in
                    self.opened.withLock { $0 = continuation }
                    if self.isAborted {
                        self.answerOpen(.failure(MQTTError(.closed, "the connection was given up")))
                    } else {
                        start()
                    }
                }
            }
            group.addTask {
                do { try await Task.sleep(for: limit) } catch { return nil }
                self.giveUp(MQTTError(.timeout, "\(host) did not answer within \(limit)"))
                return nil
            }
            var outcome: Request.Outcome?
            for await case let result? in group {
                outcome = result
                group.cancelAll()
            }
            return outcome ?? .failure(MQTTError(.closed, "the connection was given up"))
        }
    }

    func giveUp(_ error: MQTTError) {
        // In this order: the thread must not answer first with words of its own.
        answerOpen(.failure(error))
        abort()
    }

    func answerOpen(_ outcome: Request.Outcome) {
        let waiter = opened.withLock { waiter in
            defer { waiter = nil }
            return waiter
        }
        waiter?.resume(returning: outcome)
    }
}
