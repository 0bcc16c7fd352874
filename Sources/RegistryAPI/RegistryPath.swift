internal import Images

/// What a path below `/v2/` names, read from its end: a repository's name may hold any of the words.
enum RegistryPath: Equatable {
    case base
    case token
    case catalog
    case blob(RepositoryName, digest: String)
    case uploads(RepositoryName)
    case upload(RepositoryName, id: String)
    case manifest(RepositoryName, locator: String)
    case tags(RepositoryName)
    case referrers(RepositoryName, digest: String)

    /// Nil for a path that is none of the specification's.
    /// - Throws: ``ImageError`` with code `invalidName`.
    init?(parsing path: String) throws(ImageError) {
        var words: [String] = []
        for part in path.split(separator: "/").dropFirst() {
            // An encoded slash would be a separator that nobody sees.
            guard let word = PercentEncoding.decode(part), !word.contains("/") else { return nil }
            words.append(word)
        }
        switch words.last {
        case nil: self = .base
        case "token" where words.count == 1: self = .token
        case "_catalog" where words.count == 1: self = .catalog
        case "list" where words.ends(before: 1, with: "tags"):
            self = .tags(try Self.name(words.dropLast(2)))
        case "uploads" where words.ends(before: 1, with: "blobs"):
            self = .uploads(try Self.name(words.dropLast(2)))
        case .some(let last) where words.ends(before: 1, with: "uploads") && words.ends(before: 2, with: "blobs"):
            self = .upload(try Self.name(words.dropLast(3)), id: last)
        case .some(let last) where words.ends(before: 1, with: "blobs"):
            self = .blob(try Self.name(words.dropLast(2)), digest: last)
        case .some(let last) where words.ends(before: 1, with: "manifests"):
            self = .manifest(try Self.name(words.dropLast(2)), locator: last)
        case .some(let last) where words.ends(before: 1, with: "referrers"):
            self = .referrers(try Self.name(words.dropLast(2)), digest: last)
        default: return nil
        }
    }

    private static func name(_ words: ArraySlice<String>) throws(ImageError) -> RepositoryName {
        try RepositoryName(parsing: words.joined(separator: "/"))
    }

    /// What a request to this path needs.
    func scopes(method: String) -> [AccessScope] {
        switch self {
        case .base, .token: []
        case .catalog: [.catalog]
        case .tags(let name), .referrers(let name, _): [AccessScope([.pull], of: name)]
        case .uploads(let name), .upload(let name, _): [AccessScope([.pull, .push], of: name)]
        case .blob(let name, _), .manifest(let name, _):
            switch method {
            case "GET", "HEAD": [AccessScope([.pull], of: name)]
            case "DELETE": [AccessScope([.delete], of: name)]
            default: [AccessScope([.pull, .push], of: name)]
            }
        }
    }
}

extension [String] {
    /// Whether a word stands so many places before the last.
    fileprivate func ends(before places: Int, with word: String) -> Bool {
        count > places && self[count - 1 - places] == word
    }
}

/// The items of a query or of a form (`application/x-www-form-urlencoded`).
struct QueryItems {
    private let items: [(name: String, value: String)]

    init(_ text: String?) {
        items = (text ?? "").split(separator: "&").prefix(64).compactMap { item in
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0], plus: true),
                let value = PercentEncoding.decode(parts.count == 2 ? parts[1] : "", plus: true)
            else { return nil }
            return (name, value)
        }
    }

    subscript(name: String) -> String? { items.first { $0.name == name }?.value }
    func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }
}

/// Percent-encoding of URLs (RFC 3986).
enum PercentEncoding {
    /// Nil when an escape is broken or the result is not UTF-8.
    static func decode(_ text: Substring, plus: Bool = false) -> String? {
        var result: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+"), plus {
                result.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%") {
                let digits = rest.prefix(2)
                guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                    return nil
                }
                result.append(value)
                rest = rest.dropFirst(2)
            } else {
                result.append(byte)
            }
        }
        return String(validating: result, as: UTF8.self)
    }

    static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                result.append(byte)
            case _ where "-._~/".utf8.contains(byte): result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
