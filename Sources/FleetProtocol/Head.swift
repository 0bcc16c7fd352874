import JSON

/// The signed statement of what a device shall have: revision, digest and length of its document.
public struct Head: Hashable, Sendable {
    /// The only DSSE payload type that a device accepts as a head.
    public static let payloadType = "application/vnd.wherry.head+json"

    public let device: DeviceID
    public let revision: Revision
    /// Unix seconds.
    public let issuedAt: Int64
    /// Unix seconds; nil never expires.
    public let expiresAt: Int64?
    /// Of the full document, whatever way it travels.
    public let digest: ContentDigest
    public let length: Int
    /// The root version whose keys signed this.
    public let rootVersion: Int64

    public init(
        device: DeviceID, revision: Revision, issuedAt: Int64, expiresAt: Int64?, digest: ContentDigest, length: Int,
        rootVersion: Int64 = 1
    ) {
        self.device = device
        self.revision = revision
        self.issuedAt = issuedAt
        self.expiresAt = expiresAt
        self.digest = digest
        self.length = length
        self.rootVersion = rootVersion
    }

    public var floor: RevisionFloor { RevisionFloor(revision: revision, digest: digest) }

    /// The DSSE payload: sorted keys, integers only.
    public var payload: [UInt8] {
        let value: JSONValue = .object([
            "dev": .string(device.text), "gen": .integer(revision.generation), "rev": .integer(revision.number),
            "iat": .integer(issuedAt), "exp": expiresAt.map { .integer($0) } ?? .null, "dig": .string(digest.text),
            "len": .integer(Int64(length)), "root": .integer(rootVersion),
        ])
        return value.serialized()
    }

    /// Reads a payload whose signature has been checked already. Unknown fields are ignored.
    public init(payload: [UInt8]) throws(FleetError) {
        let value = try parseControl(payload, cap: FleetLimits.head, what: "head")
        func integer(_ key: String) throws(FleetError) -> Int64 {
            guard case .integer(let number)? = value[key], number >= 0 else {
                throw FleetError(.malformed, "the head's \"\(key)\" is not a whole number")
            }
            return number
        }
        func string(_ key: String) throws(FleetError) -> String {
            guard case .string(let text)? = value[key] else {
                throw FleetError(.malformed, "the head's \"\(key)\" is not a string")
            }
            return text
        }
        guard let digest = ContentDigest(try string("dig")) else {
            throw FleetError(.malformed, "the head's \"dig\" is not a sha256 digest")
        }
        do { device = try DeviceID(try string("dev")) } catch {
            throw FleetError(.malformed, "the head's \"dev\" is not a device name", cause: error)
        }
        self.digest = digest
        revision = Revision(generation: try integer("gen"), number: try integer("rev"))
        issuedAt = try integer("iat")
        expiresAt = value["exp"] == nil || value["exp"] == .null ? nil : try integer("exp")
        guard let length = Int(exactly: try integer("len")), length <= FleetLimits.document else {
            throw FleetError(.oversized, "the head announces a document larger than \(FleetLimits.document) bytes")
        }
        self.length = length
        rootVersion = try integer("root")
    }
}

/// Parses a control body under its caps: size before anything else, then depth and duplicate keys.
func parseControl(_ bytes: [UInt8], cap: Int, what: String, depth: Int = FleetLimits.controlDepth) throws(FleetError)
    -> JSONValue
{
    guard bytes.count <= cap else {
        throw FleetError(.oversized, "\(what) of \(bytes.count) bytes is larger than \(cap)")
    }
    let value: JSONValue
    do throws(JSONError) {
        value = try JSONValue(
            parsing: bytes, limits: JSONLimits(maxDepth: depth, maxBytes: cap, allowDuplicateKeys: false))
    } catch {
        throw FleetError(.malformed, "\(what) is not valid JSON within the protocol's limits", cause: error)
    }
    guard case .object = value else { throw FleetError(.malformed, "\(what) is not a JSON object") }
    return value
}
