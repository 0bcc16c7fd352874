import JSON

/// RFC 6902. All operations succeed, or the document stays as it was.
enum JSONPatch {
    /// As in kube-apiserver.
    private static let maxOperations = 10_000
    /// `copy` could double a document with each operation.
    private static let maxCopiedBytes = 3 << 20
    /// What the parser takes: deeper documents could not be read again.
    fileprivate static let maxDepth = JSONLimits.default.maxDepth

    static func apply(_ patch: JSONValue, to document: JSONValue) throws(StatusError) -> JSONValue {
        guard case .array(let operations) = patch else {
            throw .badRequest(
                "error decoding patch: json: cannot unmarshal \(patch.typeName) into a list of operations")
        }
        guard operations.count <= maxOperations else {
            throw StatusError(
                code: 413, reason: .requestEntityTooLarge,
                message:
                    "The allowed maximum operations in a JSON patch is \(maxOperations), got \(operations.count)")
        }
        var document = document
        var copied = 0
        for (index, operation) in operations.enumerated() {
            try apply(operation, index, to: &document, copied: &copied)
        }
        return document
    }

    private static func apply(
        _ operation: JSONValue, _ index: Int, to document: inout JSONValue, copied: inout Int
    ) throws(StatusError) {
        guard let name = operation["op"]?.stringValue, let path = Pointer(operation["path"]) else {
            throw .badRequest("error decoding patch: operation \(index) needs \"op\" and a \"path\" that begins with /")
        }
        let place = "operation \(index) (\(name) \(path))"
        func value() throws(StatusError) -> JSONValue {
            guard let value = operation["value"] else {
                throw .badRequest("error decoding patch: \(place) needs a \"value\"")
            }
            return value
        }
        func source() throws(StatusError) -> Pointer {
            guard let from = Pointer(operation["from"]) else {
                throw .badRequest("error decoding patch: \(place) needs a \"from\" that begins with /")
            }
            return from
        }
        switch name {
        case "add": try path.add(try value(), to: &document, place)
        case "remove": _ = try path.remove(from: &document, place)
        case "replace":
            let new = try value()
            if path.tokens.isEmpty {
                document = new
            } else {
                _ = try path.remove(from: &document, place)
                try path.add(new, to: &document, place)
            }
        case "move":
            let from = try source()
            guard !path.isInside(from) else { throw fault(place, "a value cannot be moved into itself") }
            let isDeeper = path.tokens.count > from.tokens.count
            try path.add(try from.remove(from: &document, place), to: &document, place, mayNest: isDeeper)
        case "copy":
            let moved = try source().read(document, place)
            copied += moved.serialized().count
            guard copied <= maxCopiedBytes else {
                throw fault(place, "copies more than \(maxCopiedBytes) bytes in all")
            }
            try path.add(moved, to: &document, place)
        case "test":
            guard try path.read(document, place) == value() else { throw fault(place, "the value is another one") }
        default: throw .badRequest("error decoding patch: unexpected kind of operation: \(name)")
        }
    }

    fileprivate static func fault(_ place: String, _ why: String) -> StatusError {
        StatusError(
            code: 422, reason: .invalid,
            message: "the server rejected our request due to an error in our request: \(place): \(why)",
            details: StatusError.Details())
    }
}

/// A JSON pointer (RFC 6901).
private struct Pointer: CustomStringConvertible {
    let tokens: [String]

    init?(_ value: JSONValue?) {
        guard let text = value?.stringValue, text.isEmpty || text.hasPrefix("/") else { return nil }
        tokens = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(Self.unescaped)
    }

    private static func unescaped(_ token: Substring) -> String {
        guard token.contains("~") else { return String(token) }
        var result = ""
        var rest = token
        while let character = rest.popFirst() {
            if character == "~", rest.first == "1" {
                rest.removeFirst()
                result.append("/")
            } else if character == "~", rest.first == "0" {
                rest.removeFirst()
                result.append("~")
            } else {
                result.append(character)
            }
        }
        return result
    }

    var description: String {
        tokens.map { token in
            "/" + token.map { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) }.joined()
        }.joined()
    }

    func isInside(_ other: Pointer) -> Bool {
        tokens.count > other.tokens.count && tokens.starts(with: other.tokens)
    }

    func read(_ document: JSONValue, _ place: String) throws(StatusError) -> JSONValue {
        var value = document
        for token in tokens {
            switch value {
            case .object(let members):
                guard let member = members[token] else { throw missing(place) }
                value = member
            case .array(let elements):
                guard let index = Self.index(token, below: elements.count) else { throw missing(place) }
                value = elements[index]
            default: throw missing(place)
            }
        }
        return value
    }

    /// - Parameter mayNest: whether the document could become deeper than it may be.
    func add(
        _ value: JSONValue, to document: inout JSONValue, _ place: String, mayNest: Bool = true
    ) throws(StatusError) {
        guard !mayNest || value.nests(within: JSONPatch.maxDepth - tokens.count) else {
            throw JSONPatch.fault(place, "nested deeper than \(JSONPatch.maxDepth) levels")
        }
        try change(&document, tokens[...], place) { (parent, token) throws(StatusError) in
            switch parent {
            case .object(var members):
                members[token] = value
                parent = .object(members)
            case .array(var elements):
                guard let index = token == "-" ? elements.count : Self.index(token, below: elements.count + 1) else {
                    throw missing(place)
                }
                elements.insert(value, at: index)
                parent = .array(elements)
            default: throw missing(place)
            }
        } whole: {
            $0 = value
        }
    }

    func remove(from document: inout JSONValue, _ place: String) throws(StatusError) -> JSONValue {
        let old = try read(document, place)
        try change(&document, tokens[...], place) { (parent, token) throws(StatusError) in
            switch parent {
            case .object(var members):
                members[token] = nil
                parent = .object(members)
            case .array(var elements):
                guard let index = Self.index(token, below: elements.count) else { throw missing(place) }
                elements.remove(at: index)
                parent = .array(elements)
            default: throw missing(place)
            }
        } whole: {
            $0 = .null
        }
        return old
    }

    private func change(
        _ value: inout JSONValue, _ tokens: ArraySlice<String>, _ place: String,
        parent: (inout JSONValue, String) throws(StatusError) -> Void, whole: (inout JSONValue) -> Void
    ) throws(StatusError) {
        guard let token = tokens.first else { return whole(&value) }
        if tokens.count == 1 { return try parent(&value, token) }
        switch value {
        case .object(var members):
            guard var member = members[token] else { throw missing(place) }
            try change(&member, tokens.dropFirst(), place, parent: parent, whole: whole)
            members[token] = member
            value = .object(members)
        case .array(var elements):
            guard let index = Self.index(token, below: elements.count) else { throw missing(place) }
            try change(&elements[index], tokens.dropFirst(), place, parent: parent, whole: whole)
            value = .array(elements)
        default: throw missing(place)
        }
    }

    /// Plain decimal digits without leading zeros, as the RFC asks.
    private static func index(_ token: String, below count: Int) -> Int? {
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            token == "0" || !token.hasPrefix("0"), let index = Int(token), index < count
        else { return nil }
        return index
    }

    private func missing(_ place: String) -> StatusError { JSONPatch.fault(place, "there is nothing at this path") }
}
