internal import CSQLite

/// A failed database operation: what was attempted, on which database, and SQLite's own words.
public struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// A stable name of the failure's kind.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The disk or the quota is full: a state to wait out, the database is intact.
        public static let full = Code(rawValue: "full")
        /// Another connection holds the lock and did not let go within the busy timeout.
        public static let busy = Code(rawValue: "busy")
        /// The file is damaged, or no database at all.
        public static let corrupt = Code(rawValue: "corrupt")
        /// The kernel refused to read, write or sync.
        public static let ioError = Code(rawValue: "ioError")
        /// A UNIQUE, NOT NULL, CHECK or FOREIGN KEY rule was broken.
        public static let constraint = Code(rawValue: "constraint")
        /// A newer program wrote this database.
        public static let newerSchema = Code(rawValue: "newerSchema")
        /// The file cannot be opened or created.
        public static let cannotOpen = Code(rawValue: "cannotOpen")
        /// The file or its file system does not allow writing.
        public static let readOnly = Code(rawValue: "readOnly")
        /// A sync failed before: the connection must be thrown away and the file opened anew.
        public static let dead = Code(rawValue: "dead")
        /// Wrong SQL or wrong use: a programmer's error.
        public static let misuse = Code(rawValue: "misuse")
        /// Anything else.
        public static let other = Code(rawValue: "other")
    }

    public let code: Code
    /// SQLite's extended result code, 0 when the failure is not SQLite's.
    public let resultCode: Int32
    public let message: String
    public let cause: (any Error)?

    public init(code: Code, resultCode: Int32 = 0, message: String, cause: (any Error)? = nil) {
        self.code = code
        self.resultCode = resultCode
        self.message = message
        self.cause = cause
    }

    public var description: String { message }

    init(resultCode: Int32, detail: String, attempt: String, path: String) {
        let code = Self.code(for: resultCode)
        let remedy =
            switch code {
            case .full: "; free space on its file system"
            case .cannotOpen, .readOnly: "; check that its directory exists and is writable"
            default: ""
            }
        self.init(code: code, resultCode: resultCode, message: "\(attempt) in \(path): \(detail)\(remedy)")
    }

    private static func code(for resultCode: Int32) -> Code {
        switch resultCode & 0xff {
        case SQLITE_FULL: .full
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_CORRUPT, SQLITE_NOTADB: .corrupt
        case SQLITE_IOERR: .ioError
        case SQLITE_CONSTRAINT: .constraint
        case SQLITE_CANTOPEN: .cannotOpen
        case SQLITE_READONLY, SQLITE_PERM: .readOnly
        case SQLITE_ERROR, SQLITE_MISUSE, SQLITE_RANGE, SQLITE_MISMATCH: .misuse
        default: .other
        }
    }
}
