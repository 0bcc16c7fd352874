/// One `WWW-Authenticate` challenge (RFC 7235): a scheme and its parameters.
struct AuthChallenge: Equatable {
    let scheme: String
    let parameters: [String: String]

    /// Reads all challenges of a header's value; what does not follow the grammar ends the list.
    static func parse(_ header: String) -> [AuthChallenge] {
        var scanner = Scanner(header)
        var challenges: [AuthChallenge] = []
        while challenges.count < 16 {
            scanner.skip(" ,\t")
            guard let scheme = scanner.token() else { break }
            var parameters: [String: String] = [:]
            while let (name, value) = scanner.parameter() { parameters[name.lowercased()] = value }
            challenges.append(AuthChallenge(scheme: scheme.lowercased(), parameters: parameters))
        }
        return challenges
    }

    private struct Scanner {
        private let bytes: [UInt8]
        private var offset = 0

        init(_ text: String) { bytes = Array(text.utf8.prefix(8192)) }

        mutating func skip(_ characters: String) {
            while offset < bytes.count, characters.utf8.contains(bytes[offset]) { offset += 1 }
        }

        mutating func token() -> String? {
            let start = offset
            while offset < bytes.count, Self.isToken(bytes[offset]) { offset += 1 }
            return offset > start ? String(decoding: bytes[start..<offset], as: UTF8.self) : nil
        }

        /// `name=token` or `name="quoted"`; leaves the position alone when the next word is a scheme.
        mutating func parameter() -> (String, String)? {
            let start = offset
            skip(" ,\t")
            guard let name = token() else {
                offset = start
                return nil
            }
            skip(" \t")
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: "=") else {
                offset = start
                return nil
            }
            offset += 1
            skip(" \t")
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { return token().map { (name, $0) } }
            return quoted().map { (name, $0) }
        }

        private mutating func quoted() -> String? {
            offset += 1
            var value: [UInt8] = []
            while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
                if bytes[offset] == UInt8(ascii: "\\"), offset + 1 < bytes.count { offset += 1 }
                value.append(bytes[offset])
                offset += 1
            }
            guard offset < bytes.count else { return nil }
            offset += 1
            return String(decoding: value, as: UTF8.self)
        }

        private static func isToken(_ byte: UInt8) -> Bool {
            byte > 0x20 && byte < 0x7f && !"()<>@,;:\\\"/[]?={}".utf8.contains(byte)
        }
    }
}
