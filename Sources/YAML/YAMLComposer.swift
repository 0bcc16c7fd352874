import JSON

/// Makes JSON values of libyaml's events.
struct YAMLComposer {
    private struct Anchored {
        let value: JSONValue
        let weight: Int
    }

    /// What a node costs besides its text.
    private static let nodeWeight = 16

    private let stream: EventStream
    private let limits: JSONLimits
    private var anchors: [String: Anchored] = [:]
    private var open: Set<String> = []
    private var depth = 0
    /// Bytes of all nodes so far, those behind aliases counted each time.
    private var weight = 0

    init(_ stream: EventStream, limits: JSONLimits) {
        self.stream = stream
        self.limits = limits
    }

    mutating func documents() throws(YAMLError) -> [JSONValue] {
        var documents: [JSONValue] = []
        while true {
            let event = try stream.next()
            switch event.kind {
            case .streamEnd: return documents
            case .documentStart:
                anchors = [:]
                let value = try node(try stream.next())
                if !value.isNull { documents.append(value) }
            default: continue
            }
        }
    }

    private mutating func node(_ event: EventStream.Event) throws(YAMLError) -> JSONValue {
        if case .alias(let name) = event.kind { return try alias(name, event.mark) }
        let before = weight
        if let anchor = event.anchor { open.insert(anchor) }
        let value = try content(event)
        if let anchor = event.anchor {
            open.remove(anchor)
            anchors[anchor] = Anchored(value: value, weight: weight - before)
        }
        return value
    }

    private mutating func content(_ event: EventStream.Event) throws(YAMLError) -> JSONValue {
        switch event.kind {
        case .scalar(let scalar):
            try add(Self.nodeWeight + scalar.text.utf8.count, event.mark)
            return try ScalarResolver.value(of: scalar, event.mark)
        case .sequenceStart: return try sequence(event.mark)
        case .mappingStart: return try mapping(event.mark)
        default: throw error(.syntax, "unexpected end of a node", event.mark)
        }
    }

    private mutating func alias(_ name: String, _ mark: EventStream.Mark) throws(YAMLError) -> JSONValue {
        guard !open.contains(name) else {
            throw error(.alias, "anchor '\(name)' value contains itself", mark)
        }
        guard let anchored = anchors[name] else { throw error(.alias, "unknown anchor '\(name)' referenced", mark) }
        try add(anchored.weight + Self.nodeWeight, mark)
        return anchored.value
    }

    private mutating func add(_ bytes: Int, _ mark: EventStream.Mark) throws(YAMLError) {
        weight += bytes
        // A node weighs more than its text, so the bound for expansion is wider than that for the text.
        guard weight <= 4 * limits.maxBytes else {
            throw error(.size, "the document is too large after its aliases are expanded", mark)
        }
    }

    private mutating func descend(_ mark: EventStream.Mark) throws(YAMLError) {
        depth += 1
        guard depth <= limits.maxDepth else {
            throw error(.depth, "nested deeper than \(limits.maxDepth) levels", mark)
        }
        try add(Self.nodeWeight, mark)
    }

    private mutating func sequence(_ mark: EventStream.Mark) throws(YAMLError) -> JSONValue {
        try descend(mark)
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        while true {
            let event = try stream.next()
            if case .sequenceEnd = event.kind { return .array(elements) }
            elements.append(try node(event))
        }
    }

    private mutating func mapping(_ mark: EventStream.Mark) throws(YAMLError) -> JSONValue {
        try descend(mark)
        defer { depth -= 1 }
        var members: [String: JSONValue] = [:]
        var merged: [String: JSONValue] = [:]
        while true {
            let event = try stream.next()
            if case .mappingEnd = event.kind { break }
            let (key, isMerge) = try key(event)
            let valueEvent = try stream.next()
            let value = try node(valueEvent)
            if isMerge {
                // Of several merged mappings the earlier one wins.
                merged.merge(try mergedMembers(value, valueEvent.mark)) { first, _ in first }
            } else if members.updateValue(value, forKey: key) != nil, !limits.allowDuplicateKeys {
                throw error(.duplicateKey, "key \"\(key)\" already set in map", event.mark)
            }
        }
        return .object(merged.isEmpty ? members : merged.merging(members) { $1 })
    }

    private mutating func key(_ event: EventStream.Event) throws(YAMLError) -> (name: String, isMerge: Bool) {
        switch event.kind {
        case .scalar(let scalar):
            try add(scalar.text.utf8.count, event.mark)
            if let anchor = event.anchor {
                anchors[anchor] = Anchored(value: .string(scalar.text), weight: scalar.text.utf8.count)
            }
            return (scalar.text, scalar.isPlain && scalar.text == "<<")
        case .alias(let name):
            guard case .string(let text) = try alias(name, event.mark) else { break }
            return (text, false)
        default: break
        }
        throw error(.unsupported, "a key must be a scalar", event.mark)
    }

    private func mergedMembers(
        _ value: JSONValue, _ mark: EventStream.Mark
    ) throws(YAMLError) -> [String: JSONValue] {
        if case .object(let members) = value { return members }
        if case .array(let list) = value {
            var members: [String: JSONValue] = [:]
            for element in list {
                guard case .object(let more) = element else { throw mergeFault(mark) }
                members.merge(more) { first, _ in first }
            }
            return members
        }
        throw mergeFault(mark)
    }

    private func mergeFault(_ mark: EventStream.Mark) -> YAMLError {
        error(.syntax, "map merge requires map or sequence of maps as the value", mark)
    }

    private func error(_ code: YAMLError.Code, _ message: String, _ mark: EventStream.Mark) -> YAMLError {
        YAMLError(code: code, message: message, line: mark.line, column: mark.column)
    }
}
