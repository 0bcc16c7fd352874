import Resources

/// What a path below `/api` or `/apis` means.
enum APIPath: Hashable {
    /// `/api`
    case coreVersions
    /// `/apis`
    case groups
    /// `/apis/GROUP`
    case group(String)
    /// `/api/v1`, `/apis/GROUP/VERSION`
    case groupVersion(group: String, version: String)
    /// All objects of a type, in a namespace or (nil) everywhere.
    case collection(ResourceType, namespace: String?)
    /// One object or a part of it; `subresource` is empty for the object itself.
    case object(ResourceKey, subresource: String)
    /// What pods or nodes use; all of them without a name.
    case usage(ResourceType, namespace: String?, name: String?)
    /// Where a kind of review is posted.
    case review(RequestKind, namespace: String?)

    /// nil when nothing here has this path.
    init?(_ path: String, types: TypeCatalog = .builtIn) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map { PercentCoding.decode($0) }
        switch parts.first {
        case "api":
            if parts.count == 1 {
                self = .coreVersions
            } else {
                self.init(group: "", version: parts[1], rest: parts[2...], types)
            }
        case "apis":
            if parts.count == 1 {
                self = .groups
            } else if parts.count == 2 {
                self = .group(parts[1])
            } else if parts[1].isEmpty {
                return nil
            } else {
                self.init(group: parts[1], version: parts[2], rest: parts[3...], types)
            }
        default:
            return nil
        }
    }

    private init?(group: String, version: String, rest: ArraySlice<String>, _ types: TypeCatalog) {
        let rest = Array(rest)
        guard let first = rest.first else {
            self = .groupVersion(group: group, version: version)
            return
        }
        if let usage = Self.usage(group: group, version: version, rest: rest) {
            self = usage
            return
        }
        if let review = Self.review(group: group, version: version, rest: rest) {
            self = review
            return
        }
        func type(_ plural: String) -> ResourceType? { types.named(group: group, version: version, plural: plural) }
        // `namespaces/NAME/status` is a part of the namespace; every other third word is a resource inside it.
        if first == "namespaces", rest.count >= 3, !["status", "finalize"].contains(rest[2]) {
            guard let type = type(rest[2]), type.namespaced else { return nil }
            self.init(type: type, namespace: rest[1], rest: rest[3...])
        } else {
            guard let type = type(first) else { return nil }
            if rest.count == 1 {
                self = .collection(type, namespace: nil)
            } else {
                guard !type.namespaced else { return nil }
                self.init(type: type, namespace: nil, rest: rest[1...])
            }
        }
    }

    private static func usage(group: String, version: String, rest: [String]) -> APIPath? {
        let (pods, nodes) = (ResourceType.podMetrics, ResourceType.nodeMetrics)
        guard group == pods.group, version == pods.version else { return nil }
        let isInside = rest.count >= 3 && rest[0] == "namespaces"
        let words = isInside ? Array(rest[2...]) : rest
        guard let type = [pods, nodes].first(where: { $0.plural == words[0] }), words.count <= 2,
            // A pod is asked for inside its namespace, a node never inside one.
            type.namespaced ? isInside || words.count == 1 : !isInside
        else { return nil }
        return .usage(type, namespace: isInside ? rest[1] : nil, name: words.count == 2 ? words[1] : nil)
    }

    private static func review(group: String, version: String, rest: [String]) -> APIPath? {
        let isInside = rest.count == 3 && rest[0] == "namespaces"
        guard isInside || rest.count == 1, let plural = rest.last,
            let kind = RequestKind.reviews.first(where: {
                $0.type.plural == plural && $0.type.group == group && $0.type.version == version
                    && $0.type.namespaced == isInside
            })
        else { return nil }
        return .review(kind, namespace: isInside ? rest[1] : nil)
    }

    private init?(type: ResourceType, namespace: String?, rest: ArraySlice<String>) {
        let rest = Array(rest)
        switch rest.count {
        case 0: self = .collection(type, namespace: namespace)
        case 1: self = .object(ResourceKey(type: type, namespace: namespace, name: rest[0]), subresource: "")
        case 2: self = .object(ResourceKey(type: type, namespace: namespace, name: rest[0]), subresource: rest[1])
        default: return nil
        }
    }
}

/// Percent-encoding of URLs.
enum PercentCoding {
    /// Decodes `%XX`, and `+` as a space where forms are meant; broken sequences stay as they are.
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(where: { $0 == 0x25 || (plusIsSpace && $0 == 0x2B) }) else { return String(text) }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x25, index + 2 < bytes.count, let high = hex(bytes[index + 1]), let low = hex(bytes[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(plusIsSpace && byte == 0x2B ? 0x20 : byte)
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
