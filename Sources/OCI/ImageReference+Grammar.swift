extension ImageReference {
    static func invalid(_ text: String, _ why: String) -> OCIError {
        OCIError(.invalidReference, "invalid image reference \"\(text.prefix(300))\": \(why)")
    }

    static func parseDigest(_ digest: String, in text: String) throws(OCIError) -> Digest {
        do {
            return try Digest(parsing: digest)
        } catch {
            throw invalid(text, error.message)
        }
    }

    /// Whether the first part of a name is a registry: it has a dot, a port or an upper-case letter, or is `localhost`.
    static func looksLikeRegistry(_ part: Substring) -> Bool {
        part == "localhost" || part.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || isUpper($0) }
    }

    static func isRegistry(_ text: String) -> Bool {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let address = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard !address.isEmpty, address.contains(":"),
                address.utf8.allSatisfy({ isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            return rest.isEmpty || (rest.first == ":" && isPort(rest.dropFirst()))
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, !host.isEmpty, parts.count == 1 || isPort(parts[1]) else { return false }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last, label.utf8.count <= 63 else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
    static func isPathComponent(_ part: Substring) -> Bool {
        var separator: [UInt8] = []
        var sawWord = false
        for byte in part.utf8 {
            if isLower(byte) || isDigit(byte) {
                guard separator.isEmpty || (sawWord && isSeparator(separator)) else { return false }
                separator = []
                sawWord = true
            } else {
                separator.append(byte)
            }
        }
        return sawWord && separator.isEmpty
    }

    /// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`
    static func isTag(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first else { return false }
        func isWord(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || byte == UInt8(ascii: "_") }
        return isWord(first)
            && text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    private static func isSeparator(_ bytes: [UInt8]) -> Bool {
        bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "_")]
            || bytes == [UInt8(ascii: "_"), UInt8(ascii: "_")] || bytes.allSatisfy { $0 == UInt8(ascii: "-") }
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy(isDigit), let port = Int(text) else {
            return false
        }
        return (1...65535).contains(port)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte) || isUpper(byte) }
    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
    }
}
