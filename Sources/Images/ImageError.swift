internal import Linux
internal import OCI
internal import SQLite

/// What went wrong with an image: which image, why, and what to do about it.
public struct ImageError: Error, Sendable, CustomStringConvertible {
    /// A stable code; new ones may be added.
    public struct Code: RawRepresentable<String>, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The image, tag or digest does not exist at the registry.
        public static let unknownImage = Code(rawValue: "unknownImage")
        /// No such image in this store.
        public static let notFound = Code(rawValue: "notFound")
        /// An id prefix that fits several images.
        public static let ambiguous = Code(rawValue: "ambiguous")
        public static let invalidReference = Code(rawValue: "invalidReference")
        /// The registry cannot be reached: name resolution, connection, TLS, time-out.
        public static let registryUnreachable = Code(rawValue: "registryUnreachable")
        /// The registry wants other credentials, or refuses these.
        public static let unauthorized = Code(rawValue: "unauthorized")
        /// The registry answered with an error or with nonsense.
        public static let registryFailure = Code(rawValue: "registryFailure")
        public static let digestMismatch = Code(rawValue: "digestMismatch")
        /// Something stored here is not what it was; it is not used until it is repaired.
        public static let damaged = Code(rawValue: "damaged")
        public static let diskFull = Code(rawValue: "diskFull")
        public static let unsupportedMediaType = Code(rawValue: "unsupportedMediaType")
        public static let noMatchingPlatform = Code(rawValue: "noMatchingPlatform")
        /// A manifest, config or archive that does not follow its specification.
        public static let invalidImage = Code(rawValue: "invalidImage")
        /// A layer that is damaged, or that tries to reach outside its root.
        public static let invalidLayer = Code(rawValue: "invalidLayer")
        /// A size, count or ratio above the limits of this store.
        public static let limitExceeded = Code(rawValue: "limitExceeded")
        /// The image is used by a container or pinned.
        public static let inUse = Code(rawValue: "inUse")
        /// The image has several names; removing it by id needs force.
        public static let conflict = Code(rawValue: "conflict")
        /// A file given by the user cannot be read.
        public static let unreadableFile = Code(rawValue: "unreadableFile")
        /// `registries.yaml` cannot be used; the message names the field.
        public static let invalidConfiguration = Code(rawValue: "invalidConfiguration")
        /// The image policy forbids images of this name.
        public static let policyRejected = Code(rawValue: "policyRejected")
        /// The image policy cannot be read; nothing new is admitted.
        public static let policyBroken = Code(rawValue: "policyBroken")
        /// The image policy asks for a signature, and there is none.
        public static let signatureMissing = Code(rawValue: "signatureMissing")
        /// No signature is good: another key, another image, or damaged.
        public static let signatureInvalid = Code(rawValue: "signatureInvalid")
        /// The signature is good, but its key admits nothing at this time.
        public static let keyExpired = Code(rawValue: "keyExpired")
        public static let cancelled = Code(rawValue: "cancelled")
        /// The kernel refused a file operation.
        public static let input = Code(rawValue: "input")
        /// The image database failed; the cause says how.
        public static let database = Code(rawValue: "database")
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
    func during(_ attempt: String) -> ImageError {
        ImageError(code, "\(attempt): \(message)", cause: cause)
    }

    /// Any error of the modules below as one of this module.
    init(wrapping error: any Error) {
        switch error {
        case let error as ImageError: self = error
        case let error as OCIError: self.init(error)
        case let error as SystemError: self.init(error)
        case let error as SQLiteError:
            self.init(error.code == .full ? .diskFull : .database, error.message, cause: error)
        case is CancellationError: self.init(.cancelled, "the operation was cancelled")
        default: self.init(.registryFailure, "\(error)", cause: error)
        }
    }

    init(_ error: SystemError) {
        switch error.errno {
        case .noSpace, .quotaExceeded:
            self.init(
                .diskFull, "no space left on the disk of the data directory; free space or remove unused images",
                cause: error)
        default:
            self.init(.input, "\(error)", cause: error)
        }
    }

    init(_ error: OCIError) {
        let code: Code =
            switch error.code {
            case .invalidReference, .invalidDigest, .invalidPlatform: .invalidReference
            case .unsupportedMediaType: .unsupportedMediaType
            case .noMatchingPlatform: .noMatchingPlatform
            default: .invalidImage
            }
        self.init(code, error.description, cause: error)
    }
}
