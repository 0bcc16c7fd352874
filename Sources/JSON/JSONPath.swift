/// Where a coder stands in a document: a list linked from the leaf up, made text only when an error needs it.
indirect enum JSONPath: Sendable {
    case root
    case key(String, parent: JSONPath)
    case index(Int, parent: JSONPath)

    var text: String {
        switch self {
        case .root: ""
        case .key(let key, let parent): JSONPath.appending(key: key, to: parent.text)
        case .index(let index, let parent): "\(parent.text)[\(index)]"
        }
    }

    var codingPath: [any CodingKey] {
        switch self {
        case .root: []
        case .key(let key, let parent): parent.codingPath + [JSONKey(stringValue: key)]
        case .index(let index, let parent): parent.codingPath + [JSONKey(intValue: index)]
        }
    }

    static func text(of path: [any CodingKey]) -> String {
        path.reduce("") { text, key in
            if let index = key.intValue { "\(text)[\(index)]" } else { appending(key: key.stringValue, to: text) }
        }
    }

    /// Names that are no plain identifiers stand in brackets, as Kubernetes prints map keys: `data[tls.crt]`.
    private static func appending(key: String, to text: String) -> String {
        let plain = key.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "["), UInt8(ascii: "]"): false
            default: true
            }
        }
        if !plain { return "\(text)[\(key)]" }
        return text.isEmpty ? key : "\(text).\(key)"
    }
}

/// A coding key of any name or index.
struct JSONKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}
