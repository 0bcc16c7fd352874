import JSON
import Linux
public import Logging

/// A `LogHandler` that writes each event as one line.
public struct LineLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let sink: LogSink

    public init(label: String, level: Logger.Level, format: LogFormat, sink: LogSink) {
        self.label = label
        self.format = format
        self.sink = sink
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { _, new in new } }
        if let own = event.metadata { fields.merge(own) { _, new in new } }
        if let error = event.error { fields["error"] = "\(error)" }
        let now = WallClock.now()
        let time = RFC3339.format(seconds: now.seconds, nanoseconds: now.nanoseconds, digits: 3)
        switch format {
        case .text: sink.write(textLine(time, event, fields))
        case .json: sink.write(jsonLine(time, event, fields))
        }
    }

    private func textLine(_ time: String, _ event: LogEvent, _ fields: Logger.Metadata) -> [UInt8] {
        let level = event.level.rawValue.uppercased()
        let padding = String(repeating: " ", count: max(0, 8 - level.utf8.count))
        var line = "\(time) \(level)\(padding) \(label): \(Self.escaped("\(event.message)"))"
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += " \(key)=\(Self.quoted(value.description))"
        }
        return Array(line.utf8) + [0x0A]
    }

    private func jsonLine(_ time: String, _ event: LogEvent, _ fields: Logger.Metadata) -> [UInt8] {
        var line: JSONValue = [
            "time": .string(time), "level": .string(event.level.rawValue), "logger": .string(label),
            "message": .string("\(event.message)"),
        ]
        if !fields.isEmpty { line["fields"] = .object(fields.mapValues(Self.json)) }
        return line.serialized() + [0x0A]
    }

    private static func json(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let number as Int): .integer(Int64(number))
        case .stringConvertible(let flag as Bool): .bool(flag)
        case .stringConvertible(let other): .string(other.description)
        case .dictionary(let fields): .object(fields.mapValues(json))
        case .array(let values): .array(values.map(json))
        }
    }

    private static func quoted(_ text: String) -> String {
        let plain =
            !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
        return plain ? text : "\"" + escaped(text, quotes: true) + "\""
    }

    /// Keeps what others wrote from starting lines of its own or steering a terminal.
    private static func escaped(_ text: String, quotes: Bool = false) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || (quotes && $0 == UInt8(ascii: "\"")) }) else {
            return text
        }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\"" where quotes: result += "\\\""
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
