/// Cuts the objects of a document's lists out of it while it comes, so that a table of any length is parsed one entry at a
/// time.
///
/// It knows no more of JSON than where strings and brackets begin and end. What it cuts, and what is left, is for the parser.
struct ElementScanner {
    private let limit: Int
    private var depth = 0
    private var isInList = false
    private var isInString = false
    private var isEscaped = false
    private var element: [UInt8] = []
    /// The document without the objects.
    private(set) var rest: [UInt8] = []

    /// - Parameter limit: Bytes of one object, and of what is left.
    init(limit: Int) { self.limit = limit }

    /// Calls `body` with each object that is complete.
    mutating func scan(
        _ bytes: UnsafeRawBufferPointer, _ body: ([UInt8]) throws(ImageError) -> Void
    ) throws(ImageError) {
        for byte in bytes {
            let isInElement = depth > 2
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                try keep(byte, inElement: isInElement)
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth == 2 { isInList = byte == UInt8(ascii: "[") }
                if depth == 3, !isInList { throw Self.tooDeep }
                try keep(byte, inElement: depth > 2)
                continue
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { throw Self.tooDeep }
                try keep(byte, inElement: isInElement)
                if depth == 2, isInElement {
                    try body(element)
                    element.removeAll(keepingCapacity: true)
                }
                continue
            case UInt8(ascii: ",") where depth == 2 && isInList: continue
            default: break
            }
            try keep(byte, inElement: isInElement)
        }
    }

    private mutating func keep(_ byte: UInt8, inElement: Bool) throws(ImageError) {
        if inElement { element.append(byte) } else { rest.append(byte) }
        guard element.count <= limit, rest.count <= limit else {
            throw ImageError(.limitExceeded, "its table of contents has an entry of more than \(limit) bytes")
        }
    }

    private static var tooDeep: ImageError {
        ImageError(.invalidLayer, "its table of contents is not built as it should be")
    }
}
