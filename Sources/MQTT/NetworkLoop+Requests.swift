import CMosquitto
import Linux

extension NetworkLoop {
    func perform(_ request: Request) {
        guard let client else { return }
        switch request {
        case .publish(let publication, let waiter): publish(publication, waiter, client)
        case .subscribe(let filters, let qos, let waiter): subscribe(filters, qos, waiter, client)
        case .disconnect(let waiter):
            guard goodbye == nil else { return waiter.resume(returning: .success(())) }
            goodbye = waiter
            mosquitto_disconnect_v5(client, 0, nil)
        }
    }

    private func publish(_ publication: Publication, _ waiter: Request.Waiter, _ client: OpaquePointer) {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if version == .v5, let expiry = publication.expiry {
            mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue), expiry)
        }
        var id: Int32 = 0
        let code = mosquitto_publish_v5(
            client, &id, publication.topic, Int32(publication.payload.count), publication.payload, publication.qos,
            publication.retain, properties)
        guard code == MOSQ_ERR_SUCCESS.rawValue else {
            let reason: MQTTError.Code =
                switch mosq_err_t(code) {
                case MOSQ_ERR_OVERSIZE_PACKET, MOSQ_ERR_PAYLOAD_SIZE: .oversized
                case MOSQ_ERR_NO_CONN, MOSQ_ERR_CONN_LOST: .connectionLost
                default: .invalid
                }
            return waiter.resume(
                returning: .failure(MQTTError(reason, "cannot publish on \(publication.topic): \(text(code))")))
        }
        if publication.qos == 0 { waiter.resume(returning: .success(())) } else { publications[id] = waiter }
    }

    private func subscribe(_ filters: [String], _ qos: Int32, _ waiter: Request.Waiter, _ client: OpaquePointer) {
        let copies = filters.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        var id: Int32 = 0
        let code = copies.withUnsafeBufferPointer {
            mosquitto_subscribe_multiple(client, &id, Int32($0.count), $0.baseAddress, qos, 0, nil)
        }
        guard code == MOSQ_ERR_SUCCESS.rawValue else {
            return waiter.resume(
                returning: .failure(MQTTError(.invalid, "cannot subscribe to \(filters): \(text(code))")))
        }
        subscriptions[id] = waiter
    }
}

// MARK: - Callbacks, all on the network thread from within loop calls

private func loop(_ context: UnsafeMutableRawPointer?) -> NetworkLoop? {
    context.map { Unmanaged<NetworkLoop>.fromOpaque($0).takeUnretainedValue() }
}

extension NetworkLoop {
    func setCallbacks(_ client: OpaquePointer) {
        mosquitto_connect_v5_callback_set(client) { _, context, reason, _, _ in loop(context)?.connected(reason) }
        mosquitto_disconnect_v5_callback_set(client) { _, context, reason, _ in loop(context)?.disconnected(reason) }
        mosquitto_publish_v5_callback_set(client) { _, context, id, reason, _ in loop(context)?.published(id, reason) }
        mosquitto_subscribe_v5_callback_set(client) { _, context, id, count, granted, _ in
            loop(context)?.subscribed(id, (0..<Int(count)).compactMap { granted?[$0] })
        }
        mosquitto_message_v5_callback_set(client) { _, context, message, _ in
            guard let message = message?.pointee, let topic = message.topic else { return }
            let payload = [UInt8](UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen)))
            loop(context)?.inbox.add(
                MQTTMessage(
                    topic: String(cString: topic), payload: payload, qos: message.qos, retained: message.retain))
        }
    }

    private func connected(_ reason: Int32) {
        guard reason == 0 else {
            let unsupported = version == .v5 ? 0x84 : 1
            let code: MQTTError.Code = reason == unsupported ? .unsupportedVersion : .refused
            let words = version == .v5 ? String(cString: mosquitto_reason_string(reason)) : connackText(reason)
            ending = MQTTError(code, "\(peer) refused \(configuration.clientID): \(words)")
            return
        }
        connected = true
        requests.answerOpen(.success(()))
    }

    private func connackText(_ reason: Int32) -> String { String(cString: mosquitto_connack_string(reason)) }

    private func disconnected(_ reason: Int32) {
        guard ending == nil else { return }
        if goodbye != nil {
            ending = MQTTError(.closed, "the connection was closed")
        } else if connected {
            let words = reason >= 0x80 ? String(cString: mosquitto_reason_string(reason)) : text(reason)
            ending = MQTTError(.connectionLost, "the connection to \(peer) was lost: \(words)")
        }
    }

    private func published(_ id: Int32, _ reason: Int32) {
        guard let waiter = publications.removeValue(forKey: id) else { return }
        waiter.resume(returning: outcome(reason, "publish"))
    }

    private func subscribed(_ id: Int32, _ granted: [Int32]) {
        guard let waiter = subscriptions.removeValue(forKey: id) else { return }
        waiter.resume(returning: outcome(granted.first { $0 >= 0x80 } ?? 0, "subscription"))
    }

    private func outcome(_ reason: Int32, _ what: String) -> Request.Outcome {
        guard reason >= 0x80 else { return .success(()) }
        let code: MQTTError.Code = reason == 0x87 ? .notAuthorized : .rejected
        return .failure(
            MQTTError(code, "\(peer) refused the \(what): \(String(cString: mosquitto_reason_string(reason)))"))
    }
}
