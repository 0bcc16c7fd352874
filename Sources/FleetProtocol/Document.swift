public import JSON

/// All that the hub wants one device to have: `{"v":1,"node":{"labels":{}},"objects":[…]}`.
public struct Document: Hashable, Sendable {
    /// Labels to merge onto the device's Node object.
    public let nodeLabels: [String: String]
    /// Kubernetes objects with the hub's `metadata.uid`, in the order of their keys.
    public let objects: [JSONValue]

    /// Sorts the objects by kind, namespace and name, so that equal content has equal bytes.
    public init(nodeLabels: [String: String] = [:], objects: [JSONValue]) {
        self.nodeLabels = nodeLabels
        self.objects = objects.map { (ObjectReference(of: $0), $0) }
            .sorted { ($0.0?.sortKey ?? "") < ($1.0?.sortKey ?? "") }.map(\.1)
    }

    /// The bytes that are hashed and sent.
    public func serialized() -> [UInt8] {
        JSONValue.object([
            "v": .integer(1),
            "node": .object(["labels": .object(nodeLabels.mapValues { .string($0) })]),
            "objects": .array(objects),
        ]).serialized()
    }

    public var digest: ContentDigest { ContentDigest(of: serialized()) }

    public init(parsing bytes: [UInt8]) throws(FleetError) {
        let value = try parseControl(
            bytes, cap: FleetLimits.document, what: "document", depth: FleetLimits.objectDepth)
        guard value["v"] == .integer(1) else {
            throw FleetError(.unsupportedVersion, "document has another version than 1: update Wherry on this device")
        }
        guard case .array(let objects)? = value["objects"] else {
            throw FleetError(.malformed, "document has no list of objects")
        }
        var seen: Set<ObjectReference> = []
        for object in objects {
            guard let reference = ObjectReference(of: object), seen.insert(reference).inserted else {
                throw FleetError(.malformed, "document holds an object without a name, or twice the same")
            }
        }
        var labels: [String: String] = [:]
        for (key, label) in value["node"]?["labels"]?.objectValue ?? [:] {
            guard case .string(let text) = label else {
                throw FleetError(.malformed, "the node label \"\(key)\" is not a string")
            }
            labels[key] = text
        }
        nodeLabels = labels
        self.objects = objects
    }

    /// The value of annotation `wherry.dev/hub-hash`: which version of the object the hub sent.
    public static func hash(of object: JSONValue) -> String { ContentDigest(of: object.serialized()).text }
}

/// Which object is meant: apiVersion, kind, namespace and name.
public struct ObjectReference: Hashable, Sendable, Codable, CustomStringConvertible {
    public let apiVersion: String
    public let kind: String
    public let namespace: String?
    public let name: String

    public init(apiVersion: String, kind: String, namespace: String?, name: String) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    enum CodingKeys: String, CodingKey {
        case apiVersion, kind
        case namespace = "ns"
        case name
    }

    /// Nil when the value is not an object with a kind and a name.
    public init?(of object: JSONValue) {
        guard let apiVersion = object["apiVersion"]?.stringValue, let kind = object["kind"]?.stringValue,
            let metadata = object["metadata"], let name = metadata["name"]?.stringValue, !name.isEmpty
        else { return nil }
        self.init(apiVersion: apiVersion, kind: kind, namespace: metadata["namespace"]?.stringValue, name: name)
    }

    var sortKey: String { "\(apiVersion)\u{0}\(kind)\u{0}\(namespace ?? "")\u{0}\(name)" }
    public var description: String { "\(kind) \(namespace.map { "\($0)/" } ?? "")\(name)" }
}
