internal import FleetProtocol
internal import Images
internal import Linux

/// Why a bundle could not be made, was refused, or did not work out: which bundle and what of it, why, and what to do.
public struct BundleError: Error, Sendable, CustomStringConvertible {
    /// A stable code; new ones may be added.
    public struct Code: RawRepresentable<String>, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The file cannot be read, or the disk refuses.
        public static let unreadable = Code(rawValue: "unreadable")
        /// The file does not begin as a bundle does.
        public static let notABundle = Code(rawValue: "notABundle")
        /// The signed part is larger than anything a bundle needs; nothing was parsed.
        public static let oversized = Code(rawValue: "oversized")
        /// The file ends before the bundle does.
        public static let truncated = Code(rawValue: "truncated")
        /// Something in the file is not what was signed.
        public static let damaged = Code(rawValue: "damaged")
        /// Signed by a key that is not trusted here.
        public static let unknownKey = Code(rawValue: "unknownKey")
        /// Signed by nobody rightly.
        public static let signature = Code(rawValue: "signature")
        /// The signed manifest does not follow the format.
        public static let malformed = Code(rawValue: "malformed")
        /// A key file or key directory cannot be used.
        public static let invalidKey = Code(rawValue: "invalidKey")
        /// Made for other devices.
        public static let wrongDevice = Code(rawValue: "wrongDevice")
        /// Something newer of that name was installed.
        public static let olderRevision = Code(rawValue: "olderRevision")
        /// The same number as what is installed, with other content.
        public static let equivocation = Code(rawValue: "equivocation")
        public static let expired = Code(rawValue: "expired")
        /// An image is for another platform, not allowed, lacks its base, or has no room.
        public static let image = Code(rawValue: "image")
        /// An object that this device would not take.
        public static let invalid = Code(rawValue: "invalid")
        /// An object that belongs to somebody else.
        public static let conflict = Code(rawValue: "conflict")
        /// The workloads did not become ready in time; the objects that were there before are back.
        public static let unhealthy = Code(rawValue: "unhealthy")
        /// Another bundle is being installed.
        public static let busy = Code(rawValue: "busy")
        /// Replaced by another installation before it was judged, or the agent stops.
        public static let interrupted = Code(rawValue: "interrupted")
        /// The device's database refused.
        public static let storage = Code(rawValue: "storage")
        /// What is to be put into a bundle is missing or does not fit.
        public static let input = Code(rawValue: "input")
    }

    public let code: Code
    public let message: String
    public let cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }

    /// The same error with what was attempted in front.
    func during(_ attempt: String) -> BundleError { BundleError(code, "\(attempt): \(message)", cause: cause) }

    /// Any error of the modules below as one of this module; codes of the fleet protocol and of images keep their text.
    init(wrapping error: any Error) {
        switch error {
        case let error as BundleError: self = error
        case let error as FleetError: self.init(Code(rawValue: error.code.rawValue), error.message, cause: error)
        case let error as ImageError: self.init(Code(rawValue: error.code.rawValue), error.message, cause: error)
        case let error as SystemError: self.init(.unreadable, "\(error)", cause: error)
        case is CancellationError:
            self.init(.interrupted, "the agent is stopping; install the bundle again when it runs", cause: error)
        default: self.init(.storage, "\(error)", cause: error)
        }
    }
}
