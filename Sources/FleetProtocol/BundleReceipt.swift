internal import JSON

/// What became of a bundle on a device; signed by the key of the device's certificate when it has one.
public struct BundleReceipt: FleetMessage {
    public static let payloadType = "application/vnd.wherry.bundle-receipt+json"
    /// An envelope with a receipt is at most so long.
    public static let limit = 1 << 20

    public enum Result: String, Sendable, Codable {
        /// The workloads are ready.
        case healthy
        /// They did not become ready; what was there before is back.
        case rolledBack
        /// They did not become ready, and stay as the bundle has them.
        case unhealthy
        /// Nothing was changed.
        case refused
        case unknown

        public init(from decoder: any Decoder) throws {
            self = Result(rawValue: try decoder.singleValueContainer().decode(String.self)) ?? .unknown
        }
    }

    /// How one object fares.
    public struct ObjectState: Codable, Hashable, Sendable {
        public var object: ObjectReference
        /// `ready`, `stored` for what has no readiness, `waiting`, `failed`, or `absent`.
        public var state: String
        public var message: String?

        public init(object: ObjectReference, state: String, message: String? = nil) {
            self.object = object
            self.state = state
            self.message = message
        }
    }

    public var version = 1
    public var bundle: String
    public var sequence: Int64
    /// Of the bundle's signed manifest.
    public var digest: String
    public var device: String
    public var result: Result
    /// Why it is not `healthy`: a stable code, and words.
    public var code: String?
    public var message: String?
    /// The hub's revision that came with it.
    public var revision: Revision?
    public var objects: [ObjectState]
    /// Unix seconds of the device's clock, and how good that is.
    public var time: Int64
    public var timeQuality: TrustedTime.Quality
    public var agent: String

    enum CodingKeys: String, CodingKey {
        case version = "v"
        case bundle
        case sequence = "seq"
        case digest = "dig"
        case device = "dev"
        case result, code, message, revision, objects, time
        case timeQuality = "tq"
        case agent
    }

    public init(
        bundle: String, sequence: Int64, digest: String, device: String, result: Result, code: String? = nil,
        message: String? = nil, revision: Revision? = nil, objects: [ObjectState] = [], time: Int64,
        timeQuality: TrustedTime.Quality, agent: String
    ) {
        self.bundle = bundle
        self.sequence = sequence
        self.digest = digest
        self.device = device
        self.result = result
        self.code = code
        self.message = message
        self.revision = revision
        self.objects = objects
        self.time = time
        self.timeQuality = timeQuality
        self.agent = agent
    }

    /// The bytes that are signed.
    public func payload() throws(FleetError) -> [UInt8] {
        do { return try JSONValue(encoding: self).serialized() } catch {
            throw FleetError(.malformed, "the receipt cannot be written", cause: error)
        }
    }

    /// Reads an envelope; says nothing of its signatures.
    public static func parse(_ bytes: [UInt8]) throws(FleetError) -> (receipt: BundleReceipt, envelope: SignedEnvelope)
    {
        let envelope = try SignedEnvelope(parsing: bytes, cap: limit)
        guard envelope.payloadType == payloadType else {
            throw FleetError(.payloadType, "payload type \"\(envelope.payloadType.prefix(100))\" is not a receipt")
        }
        let value = try parseControl(envelope.payload, cap: limit, what: "receipt")
        do {
            let receipt: BundleReceipt = try value.decode()
            guard receipt.version == 1 else {
                throw FleetError(.unsupportedVersion, "receipt has another version than 1: update Wherry here")
            }
            return (receipt, envelope)
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.malformed, "the receipt cannot be read: \(error)", cause: error)
        }
    }
}
