import CMosquitto
import Linux

/// The network thread's whole state. Made, used and dropped on that thread only.
///
/// Uses libmosquitto's external-loop calls with our own `poll`: its own loop uses `select`, which cannot take a
/// descriptor above 1023, and `mosquitto_loop_start` brings its own reconnects.
final class NetworkLoop {
    let configuration: MQTTConfiguration
    let version: MQTTConfiguration.Version
    let requests: RequestQueue
    let inbox: Inbox
    var client: OpaquePointer?
    var connected = false
    var ending: MQTTError?
    var goodbye: Request.Waiter?
    var publications: [Int32: Request.Waiter] = [:]
    var subscriptions: [Int32: Request.Waiter] = [:]

    private static let library: Int32 = mosquitto_lib_init()

    init(
        _ configuration: MQTTConfiguration, _ version: MQTTConfiguration.Version, requests: RequestQueue, inbox: Inbox
    ) {
        self.configuration = configuration
        self.version = version
        self.requests = requests
        self.inbox = inbox
    }

    func run() {
        // libmosquitto writes with write(2), but a `Thread` has SIGPIPE blocked: a vanished peer is EPIPE.
        _ = NetworkLoop.library

        let error: MQTTError
        do throws(MQTTError) {
            try connect()
            error = serve()
        } catch let failure {
            error = failure
        }
        // From here no callback can run.
        if let client { mosquitto_destroy(client) }
        client = nil
        finish(error)
    }

    private func connect() throws(MQTTError) {
        client = mosquitto_new(
            configuration.clientID, configuration.cleanStart, Unmanaged.passUnretained(self).toOpaque())
        guard let client else { throw MQTTError(.invalid, "libmosquitto refused client id \(configuration.clientID)") }
        try configure(client)
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if version == .v5 {
            if configuration.sessionExpiry > 0 {
                mosquitto_property_add_int32(
                    &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), configuration.sessionExpiry)
            }
            mosquitto_property_add_int32(
                &properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), configuration.maximumPacketSize)
        }
        let code = mosquitto_connect_bind_v5(
            client, configuration.host, Int32(configuration.port), configuration.keepAlive, nil, properties)
        guard code == MOSQ_ERR_SUCCESS.rawValue else { throw connectError(code, systemError: errno) }
    }

    private func configure(_ client: OpaquePointer) throws(MQTTError) {
        mosquitto_int_option(
            client, MOSQ_OPT_PROTOCOL_VERSION, version == .v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311)
        mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, configuration.receiveMaximum)
        mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, configuration.sendMaximum)
        mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
        if let tls = configuration.tls {
            let code = mosquitto_tls_set(client, tls.authorityFile, nil, tls.certificateFile, tls.keyFile, nil)
            guard code == MOSQ_ERR_SUCCESS.rawValue else {
                throw MQTTError(.tls, "cannot use the certificate files \(tls): \(text(code))")
            }
        }
        if let will = configuration.will {
            let code = mosquitto_will_set_v5(
                client, will.topic, Int32(will.payload.count), will.payload, will.qos, will.retain, nil)
            guard code == MOSQ_ERR_SUCCESS.rawValue else {
                throw MQTTError(.invalid, "cannot set the will on \(will.topic): \(text(code))")
            }
        }
        setCallbacks(client)
    }

    /// Runs until the connection is over, and says why.
    private func serve() -> MQTTError {
        while ending == nil {
            if requests.isAborted { return MQTTError(.closed, "the connection was dropped here") }
            for request in connected ? requests.take() : [] { perform(request) }
            guard let client, case let socket = mosquitto_socket(client), socket >= 0 else { break }
            step(client, socket)
        }
        return ending ?? MQTTError(.closed, "the connection was closed")
    }

    /// One poll, and what it found.
    private func step(_ client: OpaquePointer, _ socket: Int32) {
        var polled = [pollfd(), pollfd()]
        polled[0].fd = requests.wake.rawValue
        polled[0].events = Int16(POLLIN)
        polled[1].fd = socket
        if !inbox.isFull { polled[1].events |= Int16(POLLIN) }
        // During a TLS handshake a packet waits although the socket is writable: then look again soon instead of spinning.
        if connected, mosquitto_want_write(client) { polled[1].events |= Int16(POLLOUT) }
        let idle = max(1000, configuration.keepAlive * 1000 / 4)
        let ready = poll(&polled, 2, connected ? idle : 20)
        if ready > 0, polled[0].revents != 0 { requests.wake.clear() }
        if ready > 0, polled[1].revents & Int16(POLLIN | POLLERR | POLLHUP) != 0, !inbox.isFull {
            note(mosquitto_loop_read(client, 1))
        }
        if ending == nil, mosquitto_socket(client) >= 0, mosquitto_want_write(client) {
            note(mosquitto_loop_write(client, 1))
        }
        if ending == nil, mosquitto_socket(client) >= 0 { note(mosquitto_loop_misc(client)) }
    }

    private func note(_ code: Int32) {
        guard code != MOSQ_ERR_SUCCESS.rawValue, ending == nil else { return }
        if goodbye != nil {
            ending = MQTTError(.closed, "the connection was closed")
        } else if connected {
            ending = MQTTError(.connectionLost, "the connection to \(peer) was lost: \(text(code))")
        } else {
            ending = connectError(code, systemError: errno)
        }
    }

    private func finish(_ error: MQTTError) {
        inbox.finish()
        for waiter in publications.values { waiter.resume(returning: .failure(error)) }
        for waiter in subscriptions.values { waiter.resume(returning: .failure(error)) }
        publications = [:]
        subscriptions = [:]
        for request in requests.finish(error) {
            if case .disconnect(let waiter) = request {
                waiter.resume(returning: .success(()))
            } else {
                request.waiter.resume(returning: .failure(error))
            }
        }
        goodbye?.resume(returning: .success(()))
        goodbye = nil
        requests.answerOpen(.failure(error))
    }

    var peer: String {
        let host = configuration.host
        return (host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host) + ":\(configuration.port)"
    }

    func text(_ code: Int32) -> String { String(cString: mosquitto_strerror(code)) }

    private func connectError(_ code: Int32, systemError: Int32) -> MQTTError {
        switch mosq_err_t(code) {
        case MOSQ_ERR_TLS, MOSQ_ERR_TLS_HANDSHAKE:
            MQTTError(.tls, "TLS with \(peer) failed: \(text(code))")
        case MOSQ_ERR_ERRNO:
            MQTTError(.unreachable, "cannot reach \(peer)", cause: Errno(rawValue: systemError))
        case MOSQ_ERR_EAI, MOSQ_ERR_LOOKUP:
            MQTTError(.unreachable, "cannot find the address of \(configuration.host)")
        default:
            MQTTError(.unreachable, "no connection to \(peer): \(text(code))")
        }
    }
}
