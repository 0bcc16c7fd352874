/// The generated configuration of our own `mosquitto` (protocol A2 and B2). Pure text.
///
/// The files stand beside each other and are named without their directory, which is the broker's working directory: only so
/// does an account reach them, also at a reload, that may not pass the hub's own directory above.
struct BrokerConfiguration: Sendable, Hashable {
    var listen: ListenAddress
    /// `<run>/broker`.
    var directory: String
    /// Nil: the hub's own.
    var account: BrokerAccount?
    var maximumConnections: Int
    /// Devices that may do nothing any more although their connection may still stand.
    var revokedDevices: [String]

    static let fileName = "mosquitto.conf"
    var configurationPath: String { directory + "/" + Self.fileName }
    var accessPath: String { directory + "/acl" }
    var authorityPath: String { directory + "/ca.crt" }
    var certificatePath: String { directory + "/server.crt" }
    var keyPath: String { directory + "/server.key" }
    var revocationPath: String { directory + "/revoked.pem" }
    /// Where the broker's standard error goes.
    var logPath: String { directory + "/mosquitto.log" }

    /// `mosquitto.conf`.
    var text: String {
        """
        # Written by Wherry at each start; changes are lost.
        per_listener_settings false
        user \(account?.name ?? "root")
        listener \(listen.port) \(listen.host)
        cafile ca.crt
        certfile server.crt
        keyfile server.key
        crlfile revoked.pem
        require_certificate true
        use_identity_as_username true
        use_username_as_clientid true
        tls_version tlsv1.2
        allow_anonymous false
        acl_file acl
        max_connections \(maximumConnections)
        max_packet_size 163840
        max_queued_messages 1000
        max_queued_bytes 4194304
        max_inflight_messages 200
        persistence false
        persistent_client_expiration 1h
        set_tcp_nodelay true
        sys_interval 60
        connection_messages false
        log_timestamp_format %Y-%m-%dT%H:%M:%S
        log_type error
        log_type warning
        log_type notice
        log_dest stderr

        """
    }

    /// The access list: a device sees its own branch only; `%u` is its certificate's common name.
    var accessText: String {
        var lines = ["# Written by Wherry; changes are lost."]
        for device in revokedDevices.sorted() {
            lines += ["user \(device)", "topic deny wh/1/d/\(device)/#", "topic deny wh/1/hub/#", ""]
        }
        lines += [
            "user \(HubIdentity.hubUser)", "topic readwrite wh/1/#", "topic read $SYS/#", "",
            "pattern write wh/1/d/%u/up/#", "pattern read wh/1/d/%u/dn/#", "pattern read wh/1/hub/state", "",
        ]
        return lines.joined(separator: "\n")
    }
}
