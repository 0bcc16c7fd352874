internal import HTTPTypes
internal import Images
internal import JSON

extension ImportChanges {
    /// Reads the `changes` of an import: Dockerfile instructions, one for each entry or line.
    init(dockerfile entries: [String]) throws {
        self.init()
        for line in entries.flatMap({ $0.split(separator: "\n").map(String.init) }) {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true).map(String.init)
            guard let keyword = parts.first else { continue }
            guard parts.count == 2 else { throw DockerFailure(.badRequest, "change \"\(line)\" has no value") }
            try apply(keyword.uppercased(), Self.trimmed(parts[1]), line)
        }
    }

    private mutating func apply(_ keyword: String, _ value: String, _ line: String) throws {
        switch keyword {
        case "CMD": cmd = Self.command(value)
        case "ENTRYPOINT": entrypoint = Self.command(value)
        case "ENV": env += try Self.assignments(value, line)
        case "LABEL":
            for entry in try Self.assignments(value, line) {
                let pair = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                labels[pair[0]] = pair[1]
            }
        case "EXPOSE": exposed += value.split(separator: " ").map(String.init)
        case "WORKDIR": workingDir = value
        case "USER": user = value
        case "STOPSIGNAL": stopSignal = value
        case "VOLUME":
            let list = (try? JSONValue(parsing: value))?.arrayValue?.compactMap(\.stringValue)
            volumes += list ?? value.split(separator: " ").map(String.init)
        default: throw DockerFailure(.badRequest, "\(keyword) is not a valid change command")
        }
    }

    /// The exec form, a JSON array; anything else is a line for the shell.
    private static func command(_ value: String) -> [String] {
        if let list = (try? JSONValue(parsing: value))?.arrayValue {
            let words = list.compactMap(\.stringValue)
            if words.count == list.count { return words }
        }
        return ["/bin/sh", "-c", value]
    }

    /// `A=b C="d e"`, or the old form `A b c`.
    private static func assignments(_ value: String, _ line: String) throws -> [String] {
        guard let first = value.split(separator: " ").first, first.contains("=") else {
            let pair = value.split(separator: " ", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { throw DockerFailure(.badRequest, "change \"\(line)\" has no value") }
            return [pair[0] + "=" + trimmed(pair[1])]
        }
        let words = shellWords(value)
        guard words.allSatisfy({ $0.contains("=") && !$0.hasPrefix("=") }) else {
            throw DockerFailure(.badRequest, "change \"\(line)\" is not of the form NAME=value")
        }
        return words
    }

    /// Splits at spaces outside quotes; a backslash takes the next character as it is.
    private static func shellWords(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        var isEscaped = false
        for character in text {
            if isEscaped {
                word.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
            } else if quote == nil, character == " " {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
