/// `dn/doc`: a piece of a document. On the wire: the envelope as one line, a line feed, then raw bytes of the document.
///
/// The bytes stay as they were hashed: they are neither escaped nor parsed before the digest of the whole is checked.
public struct DocumentPart: Hashable, Sendable {
    /// The envelope's body: what the bytes are part of.
    public struct Header: FleetMessage {
        /// Of the whole document.
        public var digest: ContentDigest
        /// Bytes of the whole document.
        public var length: Int
        /// Of this piece in the document.
        public var offset: Int
        public init(digest: ContentDigest, length: Int, offset: Int) {
            self.digest = digest
            self.length = length
            self.offset = offset
        }
        enum CodingKeys: String, CodingKey {
            case digest = "dig"
            case length = "len"
            case offset = "off"
        }
    }

    public let header: Header
    public let bytes: [UInt8]

    /// The messages of a document, in order.
    public static func messages(
        of document: [UInt8], epoch: Int64, timestamp: Int64, sequence: Int64 = 0
    ) throws(FleetError) -> [[UInt8]] {
        guard document.count <= FleetLimits.document else {
            throw FleetError(
                .oversized,
                "document of \(document.count) bytes is larger than \(FleetLimits.document): split the workloads")
        }
        let digest = ContentDigest(of: document)
        var messages: [[UInt8]] = []
        var offset = 0
        repeat {
            let end = min(offset + FleetLimits.documentPart, document.count)
            let envelope = try Envelope(
                epoch: epoch, sequence: sequence, timestamp: timestamp, timeQuality: .sync,
                Header(digest: digest, length: document.count, offset: offset))
            messages.append(envelope.serialized() + [UInt8(ascii: "\n")] + document[offset..<end])
            offset = end
        } while offset < document.count
        return messages
    }

    public init(parsing message: [UInt8]) throws(FleetError) {
        guard message.count <= FleetLimits.packet else {
            throw FleetError(
                .oversized, "document message of \(message.count) bytes is larger than \(FleetLimits.packet)")
        }
        guard let end = message.firstIndex(of: UInt8(ascii: "\n")) else {
            throw FleetError(.malformed, "document message has no header line")
        }
        header = try Envelope(parsing: Array(message[..<end])).message(Header.self)
        bytes = Array(message[(end + 1)...])
        guard bytes.count <= FleetLimits.documentPart, (0...FleetLimits.document).contains(header.length),
            header.offset >= 0, header.offset <= header.length, header.offset + bytes.count <= header.length
        else { throw FleetError(.malformed, "document message does not fit into its document") }
    }
}

/// Puts a document together from its parts; holds at most one document.
public struct DocumentAssembly: Sendable {
    private var header: DocumentPart.Header?
    private var bytes: [UInt8] = []

    public init() {}

    /// Takes a part; returns the digest and bytes when the document is complete.
    ///
    /// A part that starts a document drops what was there. A part out of order is ignored: the hub sends all again.
    public mutating func add(_ part: DocumentPart) -> (digest: ContentDigest, bytes: [UInt8])? {
        if part.header.offset == 0 {
            header = part.header
            bytes = part.bytes
        } else if let header, header.digest == part.header.digest, header.length == part.header.length,
            part.header.offset == bytes.count
        {
            bytes += part.bytes
        } else {
            return nil
        }
        guard bytes.count == part.header.length else { return nil }
        defer {
            header = nil
            bytes = []
        }
        return (part.header.digest, bytes)
    }
}
