import Linux

/// A TCP connection that fails in the words of the kubelet.
struct ProbeConnection {
    let sockets: NamespaceSockets
    let clock: AgentClock

    /// Connects; the caller closes the descriptor.
    /// - Throws: ``HandlerError``.
    func connect(_ network: PodNetwork, host: String?, port: Int) async throws -> Int32 {
        let address = try Address(host ?? "127.0.0.1", port)
        let descriptor: Int32
        do {
            descriptor = try await sockets.make(in: network, family: address.family)
        } catch {
            throw HandlerError("dial tcp \(address): \(error)")
        }
        do {
            try await finishConnect(descriptor, address)
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// On the loopback interface a connect succeeds or fails at once; only a full backlog makes it wait.
    private func finishConnect(_ descriptor: Int32, _ address: Address) async throws {
        if address.connect(descriptor) == 0 { return }
        let error = Errno.last
        guard error.rawValue == EINPROGRESS || error == .again else { throw address.refused(error) }
        while true {
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if poll(&poller, 1, 0) > 0 { break }
            try await clock.sleep(.milliseconds(5))
        }
        var result: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &result, &length)
        if result != 0 { throw address.refused(Errno(rawValue: result)) }
    }

    /// An address and port; names other than `localhost` aren't looked up, so a probe never waits for DNS.
    struct Address: CustomStringConvertible {
        private var v4: sockaddr_in?
        private var v6: sockaddr_in6?
        let description: String

        var family: Int32 { v4 == nil ? AF_INET6 : AF_INET }

        init(_ host: String, _ port: Int) throws(HandlerError) {
            let text = host == "localhost" ? "127.0.0.1" : host
            description = text.contains(":") ? "[\(text)]:\(port)" : "\(text):\(port)"
            guard let number = UInt16(exactly: port), number > 0 else { throw HandlerError("invalid port \(port)") }
            var four = sockaddr_in()
            var six = sockaddr_in6()
            if inet_pton(AF_INET, text, &four.sin_addr) == 1 {
                four.sin_family = sa_family_t(AF_INET)
                four.sin_port = number.bigEndian
                v4 = four
            } else if inet_pton(AF_INET6, text, &six.sin6_addr) == 1 {
                six.sin6_family = sa_family_t(AF_INET6)
                six.sin6_port = number.bigEndian
                v6 = six
            } else {
                throw HandlerError("host \"\(host)\" isn't an IP address; probes don't look up names")
            }
        }

        func connect(_ descriptor: Int32) -> Int32 {
            if let v4 { return Self.connect(descriptor, v4) }
            if let v6 { return Self.connect(descriptor, v6) }
            return -1
        }

        private static func connect<Socket>(_ descriptor: Int32, _ address: Socket) -> Int32 {
            withUnsafeBytes(of: address) { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) { sockaddrs in
                    guard let base = sockaddrs.baseAddress else { return -1 }
                    return Linux.connect(descriptor, base, socklen_t(MemoryLayout<Socket>.size))
                }
            }
        }

        func refused(_ error: Errno) -> HandlerError {
            HandlerError("dial tcp \(self): connect: \("\(error)".lowercased())")
        }
    }
}

/// Why a probe or hook failed, in the words that go into the event.
struct HandlerError: Error, Hashable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
