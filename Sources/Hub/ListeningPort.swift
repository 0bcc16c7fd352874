internal import Linux

/// Asking the kernel about TCP ports.
enum ListeningPort {
    /// A port of `host` that nobody uses now.
    static func choose(host: String) throws(HubError) -> Int {
        var chosen = 0
        let error = withSocket(ListenAddress(host: host, port: 0)) { descriptor, address, length in
            guard bind(descriptor, address, length) == 0 else { return errno }
            var bound = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let result = withUnsafeMutablePointer(to: &bound) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            }
            guard result == 0 else { return errno }
            // The port is at the same place in both families' addresses.
            chosen = withUnsafeBytes(of: &bound) { Int($0[2]) << 8 | Int($0[3]) }
            return 0
        }
        guard error == 0 else {
            throw HubError(
                .portInUse,
                "cannot listen on \(host): \(Errno(rawValue: error)); choose an address of this machine with "
                    + "--mqtt-listen HOST:PORT")
        }
        return chosen
    }

    /// 0 when the address could be listened on, else the error number.
    static func tryBinding(_ address: ListenAddress) -> Int32 {
        withSocket(address) { descriptor, target, length in
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            guard bind(descriptor, target, length) == 0 else { return errno }
            return listen(descriptor, 1) == 0 ? 0 : errno
        }
    }

    /// Whether somebody accepts connections there.
    static func answers(_ address: ListenAddress) -> Bool {
        withSocket(ListenAddress(host: address.localHost, port: address.port)) { descriptor, target, length in
            connect(descriptor, target, length) == 0 ? 0 : errno
        } == 0
    }

    private static func withSocket(
        _ address: ListenAddress, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, String(address.port), &hints, &found) == 0, let info = found?.pointee else {
            return EADDRNOTAVAIL
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(info.ai_family, info.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return body(descriptor, info.ai_addr, info.ai_addrlen)
    }
}
