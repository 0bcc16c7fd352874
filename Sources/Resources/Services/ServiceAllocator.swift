import JSON

/// Gives services their cluster addresses and node ports, in the words of kube-apiserver.
///
/// What is taken follows from the services that are stored: there is no second book to disagree with them.
public struct ServiceAllocator {
    static let nodePorts = 30_000...32_767

    private let range: AddressRange
    private var addresses: Set<String> = []
    private var ports: Set<Int> = []
    /// What the service asks for by number, which none of its other ports may be given.
    private var named: Set<Int> = []
    /// What the service had before, which is not looked at again: it may be older than the range.
    private var kept: (addresses: Set<String>, ports: Set<Int>) = ([], [])
    private let random: () -> UInt64

    /// - Parameters:
    ///   - services: all but the one that is written.
    ///   - random: where to begin to look for something free.
    public init(range: AddressRange, services: [Resource], random: @escaping () -> UInt64) {
        self.range = range
        self.random = random
        for service in services {
            addresses.formUnion(ServiceFields.addresses(of: service.value))
            ports.formUnion(ServiceFields.nodePorts(of: service.value))
            if let port = ServiceFields.healthCheckPort(of: service.value) { ports.insert(port) }
        }
    }

    /// Completes a service that has its defaults. What it names itself is honoured or refused.
    ///
    /// - Parameter previous: what is stored now; nil for a new one.
    /// - Throws: 422 for what is taken, out of range or of a family that there is not; 500 when nothing is left.
    public mutating func complete(_ service: inout Resource, previous: Resource? = nil) throws(StatusError) {
        if let previous = previous?.value {
            kept.addresses = Set(ServiceFields.addresses(of: previous))
            kept.ports = Set(ServiceFields.nodePorts(of: previous))
            if let port = ServiceFields.healthCheckPort(of: previous) { kept.ports.insert(port) }
        }
        var value = service.value
        named = Set(ServiceFields.nodePorts(of: value))
        if let port = ServiceFields.healthCheckPort(of: value) { named.insert(port) }
        try completeAddresses(&value, service)
        try completePorts(&value, service)
        try completeHealthCheck(&value)
        service.value = value
    }

    /// Whether an error tells that there was nothing left to give, or not what was asked for.
    public static func isShortage(_ error: StatusError) -> Bool {
        error.code == 500 && error.message.hasPrefix(StatusError.internalError("failed to allocate ").message)
    }

    // MARK: Addresses

    private mutating func completeAddresses(_ value: inout JSONValue, _ service: Resource) throws(StatusError) {
        guard value.text("spec", "type") != "ExternalName" else { return }
        ServiceFields.alignAddresses(&value)
        try completeFamilies(&value, service)
        let wanted = value.text("spec", "clusterIP")
        guard wanted != "None" else { return }
        var address = wanted
        if wanted.isEmpty {
            address = try freeAddress()
        } else if kept.addresses.contains(wanted) {
            return
        } else if range.index(of: wanted) == nil {
            throw refusal(
                wanted, service,
                "the provided IP (\(wanted)) is not in the valid range. The range of valid IPs is \(range)")
        } else if addresses.contains(wanted) {
            throw refusal(wanted, service, "provided IP is already allocated")
        }
        value[path: "spec", "clusterIP"] = .string(address)
        value[path: "spec", "clusterIPs"] = [.string(address)]
    }

    private func refusal(_ address: String, _ service: Resource, _ why: String) -> StatusError {
        var errors = FieldErrors()
        errors.invalid("spec.clusterIPs", [.string(address)], "failed to allocate IP \(address): \(why)")
        return .invalid(.service, name: service.name, causes: errors.causes)
    }

    /// From the upper part of the range first: the lower one is for those who choose for themselves.
    private func freeAddress() throws(StatusError) -> String {
        let count = range.count
        let lower = min(min(max(16, count / 16), 256), count)
        for part in [lower..<count, 1..<lower] where !part.isEmpty {
            let start = UInt32(random() % UInt64(part.count))
            for step in 0..<UInt32(part.count) {
                let address = range.address(part.lowerBound + (start + step) % UInt32(part.count))
                if !addresses.contains(address) { return address }
            }
        }
        throw .internalError("failed to allocate a serviceIP: range is full")
    }

    private func completeFamilies(_ value: inout JSONValue, _ service: Resource) throws(StatusError) {
        var families = value.list("spec", "ipFamilies")
        let given = value.list("spec", "clusterIPs").compactMap(\.stringValue).filter { $0 != "None" }
        for address in given.dropFirst(families.count) { families.append(address.contains(":") ? "IPv6" : "IPv4") }
        let isDual = families.count > 1
        if value.text("spec", "clusterIP") == "None", (value[path: "spec", "selector"]?.objectValue ?? [:]).isEmpty {
            // Somebody else names what is behind it, in whatever family.
            value.setDefault("spec", "ipFamilyPolicy", to: "RequireDualStack")
            if families.isEmpty {
                families = value.text("spec", "ipFamilyPolicy") == "SingleStack" ? ["IPv4"] : ["IPv4", "IPv6"]
            }
            value[path: "spec", "ipFamilies"] = .array(families)
            return
        }
        value.setDefault("spec", "ipFamilyPolicy", to: isDual ? "RequireDualStack" : "SingleStack")
        var errors = FieldErrors()
        if value.text("spec", "ipFamilyPolicy") == "RequireDualStack" {
            errors.invalid(
                "spec.ipFamilyPolicy", "RequireDualStack", "this cluster is not configured for dual-stack services")
        }
        for (index, family) in families.enumerated() where family != "IPv4" {
            errors.invalid("spec.ipFamilies[\(index)]", family, "not configured on this cluster")
        }
        guard errors.causes.isEmpty else { throw .invalid(.service, name: service.name, causes: errors.causes) }
        value[path: "spec", "ipFamilies"] = .array(families.isEmpty ? ["IPv4"] : families)
    }

    // MARK: Ports

    private mutating func completePorts(_ value: inout JSONValue, _ service: Resource) throws(StatusError) {
        guard ServiceFields.wantsNodePorts(value) else { return }
        var list = value.list("spec", "ports")
        // Protocols of one port share a number.
        var byPort: [Int: Int] = [:]
        var own: Set<Int> = []
        for port in list {
            if let number = port["port"]?.intValue, let node = ServiceFields.nodePort(port), byPort[number] == nil {
                byPort[number] = node
            }
        }
        for index in list.indices {
            let number = list[index]["port"]?.intValue ?? 0
            guard let node = ServiceFields.nodePort(list[index]) ?? byPort[number] else {
                let free = try freePort()
                byPort[number] = free
                own.insert(free)
                ports.insert(free)
                list[index]["nodePort"] = .integer(Int64(free))
                continue
            }
            if !own.contains(node), let why = refusal(ofPort: node) {
                var errors = FieldErrors()
                errors.invalid("spec.ports[\(index)].nodePort", node, why)
                throw .invalid(.service, name: service.name, causes: errors.causes)
            }
            own.insert(node)
            ports.insert(node)
            list[index]["nodePort"] = .integer(Int64(node))
        }
        value[path: "spec", "ports"] = .array(list)
    }

    private mutating func completeHealthCheck(_ value: inout JSONValue) throws(StatusError) {
        guard ServiceFields.wantsHealthCheckPort(value) else { return }
        guard let wanted = ServiceFields.healthCheckPort(of: value) else {
            value[path: "spec", "healthCheckNodePort"] = .integer(Int64(try freePort()))
            return
        }
        if let why = refusal(ofPort: wanted) {
            throw .internalError("failed to allocate requested HealthCheck NodePort \(wanted): \(why)")
        }
    }

    private func refusal(ofPort port: Int) -> String? {
        if kept.ports.contains(port) { return nil }
        if !Self.nodePorts.contains(port) {
            return "provided port is not in the valid range. The range of valid ports is "
                + "\(Self.nodePorts.lowerBound)-\(Self.nodePorts.upperBound)"
        }
        return ports.contains(port) ? "provided port is already allocated" : nil
    }

    private func freePort() throws(StatusError) -> Int {
        let start = Int(random() % UInt64(Self.nodePorts.count))
        for step in 0..<Self.nodePorts.count {
            let port = Self.nodePorts.lowerBound + (start + step) % Self.nodePorts.count
            if !ports.contains(port), !named.contains(port) { return port }
        }
        throw .internalError("failed to allocate a nodePort: range is full")
    }
}
