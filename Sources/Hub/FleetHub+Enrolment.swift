internal import FleetProtocol
internal import Identity
public import JSON
internal import Linux
internal import Logging
internal import ResourceStore
public import Resources

extension FleetHub {
    /// Makes a one-time token that lets one device in, within 24 hours.
    ///
    /// - Parameter hubAddress: `host:port` of the hub's TLS listener as devices reach it.
    /// - Returns: the line for `wherry join`.
    public func createToken(hubAddress: String) async throws -> String {
        guard let (host, _) = EnrolmentLine.split(hubAddress) else {
            throw StatusError.badRequest("\"\(hubAddress)\" is not the address of a hub: write HOST:PORT")
        }
        try await serve(brokerName: host)
        let identity = identity
        let now = WallClock.now().seconds
        let secret = try await store.transaction { transaction in
            try Enrolment(identity: identity, connection: transaction.connection, now: now).createToken(hub: hubAddress)
        }
        return EnrolmentLine(hub: hubAddress, authority: identity.authority.fingerprint, secret: secret).description
    }

    /// Devices that come by another name than before need it in the broker's certificate.
    private func serve(brokerName name: String) async throws {
        guard let broker, case .own(let listen) = configuration.broker, listen.isWildcard else { return }
        let kept = try await store.withDatabase { try FleetSettings.value("broker-names", $0) } ?? ""
        if !kept.split(separator: ",").map(String.init).contains(name) {
            let names = kept.isEmpty ? name : "\(kept),\(name)"
            try await store.withDatabase { try FleetSettings.set("broker-names", names, $0) }
        }
        try await broker.ensureName(name, revokedSerials: try await Self.revoked(store).serials)
    }

    /// Answers `POST /wherry/v1/enrol`: checks the token and the signing request, issues the device's certificate, makes its Node.
    ///
    /// The same request again, after a lost answer, is answered the same.
    /// - Throws: ``StatusError``: 400 for a bad request, 401 for a token that is unknown, used or expired, 409 when the name is
    ///   taken by a device with another key.
    public func enrol(_ body: JSONValue) async throws -> JSONValue {
        let request: EnrolmentRequest
        do { request = try body.decode(as: EnrolmentRequest.self) } catch {
            throw StatusError.badRequest("the enrolment request is not valid: \(error)")
        }
        let identity = identity
        let now = WallClock.now().seconds
        let admitted = try await store.transaction { transaction in
            let admitted = try Enrolment(identity: identity, connection: transaction.connection, now: now).admit(
                request)
            if admitted.isNew { try Self.makeNode(admitted.record.device, transaction, now) }
            return admitted
        }
        let device = admitted.record.device
        if admitted.isNew {
            sessions[device] = DeviceSession(record: admitted.record)
            feed.mark([ResourceKey(type: .node, namespace: nil, name: device.text)])
            if let broker {
                let revoked = try await Self.revoked(store)
                try await broker.revoke(serials: revoked.serials, devices: revoked.devices)
            }
            logger.notice("device enrolled", metadata: ["device": "\(device)"])
        }
        return try JSONValue(encoding: response(admitted))
    }

    private func response(_ admitted: Enrolment.Admitted) throws(HubError) -> EnrolmentResponse {
        EnrolmentResponse(
            device: admitted.record.device.text, certificate: admitted.record.certificate,
            caCertificate: identity.authority.certificatePEM, brokers: [advertisedBroker(hub: admitted.hub)],
            signingKey: FleetProtocol.Base64.encode(identity.signer.publicKey), keyID: identity.signer.keyID,
            serverTime: Self.milliseconds(), fleet: configuration.fleetName,
            brokerCACertificate: try foreignAuthority.map(HubIdentity.read))
    }

    /// Where devices find the broker: where it listens, or, when it listens everywhere, on the host by which they found the hub.
    private func advertisedBroker(hub: String) -> String {
        if case .own(let listen) = configuration.broker, listen.isWildcard, let (host, _) = EnrolmentLine.split(hub) {
            return ListenAddress(host: host, port: brokerAddress.port).description
        }
        return ListenAddress(host: brokerAddress.host, port: brokerAddress.port).description
    }

    /// A Node may have been made before, with labels, to say what a device that is still to come shall have.
    private static func makeNode(_ device: DeviceID, _ transaction: StoreTransaction, _ now: Int64) throws {
        let key = ResourceKey(type: .node, namespace: nil, name: device.text)
        let time = RFC3339.format(seconds: now)
        let condition: JSONValue = [
            "type": "Ready", "status": "Unknown", "reason": "NeverConnected",
            "message": "The device has not connected yet", "lastHeartbeatTime": .string(time),
            "lastTransitionTime": .string(time),
        ]
        if try transaction.find(key) == nil {
            try transaction.create(
                Resource(
                    value: [
                        "metadata": [
                            "name": .string(device.text), "labels": [WherryLabels.hostname: .string(device.text)],
                        ], "spec": [:], "status": ["conditions": [condition]],
                    ], type: .node))
        }
    }

    // MARK: Admission

    /// Refuses what users must not do at the hub: change or make mirrors of devices' objects.
    ///
    /// - Parameters:
    ///   - old: the present object, nil for a creation.
    ///   - new: the object after the write, nil for a deletion.
    /// - Throws: ``StatusError`` 403.
    public static func admitWrite(old: Resource?, new: Resource?) throws {
        if let old, old.isMirror {
            let device = old.labels[WherryLabels.device] ?? ""
            throw StatusError.forbidden(
                old.key,
                "it mirrors an object of device \"\(device)\" and is read-only at the hub: change the hub's Deployment or Pod that "
                    + "it comes from, or the object on the device itself")
        }
        if let new, new.isMirror {
            throw StatusError.forbidden(
                new.key, "the label \(WherryLabels.device) is reserved for mirrors of devices' objects: leave it out")
        }
    }
}
