import CYAML

/// libyaml's parser: the events of a text that stays in place while this lives.
final class EventStream {
    struct Mark {
        let line: Int
        let column: Int

        init(_ mark: yaml_mark_t) {
            line = mark.line + 1
            column = mark.column + 1
        }
    }

    struct Scalar {
        let text: String
        let isPlain: Bool
        let tag: String?
    }

    enum Kind {
        case streamEnd
        case documentStart
        case documentEnd
        case alias(String)
        case scalar(Scalar)
        case sequenceStart
        case sequenceEnd
        case mappingStart
        case mappingEnd
        case other
    }

    struct Event {
        let kind: Kind
        let anchor: String?
        let mark: Mark
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>

    init(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            throw YAMLError(code: .syntax, message: "out of memory", line: 1, column: 1)
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    func next() throws(YAMLError) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        let mark = Mark(event.start_mark)
        switch event.type {
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT: return Event(kind: .streamEnd, anchor: nil, mark: mark)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, anchor: nil, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, anchor: nil, mark: mark)
        case YAML_ALIAS_EVENT:
            return Event(kind: .alias(Self.text(event.data.alias.anchor) ?? ""), anchor: nil, mark: mark)
        case YAML_SCALAR_EVENT: return try scalar(event.data.scalar, mark)
        case YAML_SEQUENCE_START_EVENT:
            return Event(kind: .sequenceStart, anchor: Self.text(event.data.sequence_start.anchor), mark: mark)
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, anchor: nil, mark: mark)
        case YAML_MAPPING_START_EVENT:
            return Event(kind: .mappingStart, anchor: Self.text(event.data.mapping_start.anchor), mark: mark)
        case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, anchor: nil, mark: mark)
        default: return Event(kind: .other, anchor: nil, mark: mark)
        }
    }

    private func scalar(_ data: yaml_event_s.__Unnamed_union_data.__Unnamed_struct_scalar, _ mark: Mark)
        throws(YAMLError) -> Event
    {
        let bytes = UnsafeBufferPointer(start: data.value, count: data.length)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw YAMLError(code: .syntax, message: "a scalar is not valid UTF-8", line: mark.line, column: mark.column)
        }
        let isPlain = data.plain_implicit == 1 && data.style == YAML_PLAIN_SCALAR_STYLE
        let scalar = Scalar(text: text, isPlain: isPlain, tag: Self.text(data.tag))
        return Event(kind: .scalar(scalar), anchor: Self.text(data.anchor), mark: mark)
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(decodingCString: $0, as: UTF8.self) }
    }

    private func failure() -> YAMLError {
        let state = parser.pointee
        var message = state.problem.map { String(cString: $0) } ?? "the text cannot be parsed"
        if let context = state.context { message += " (\(String(cString: context)))" }
        let mark = Mark(state.problem_mark)
        return YAMLError(code: .syntax, message: message, line: mark.line, column: mark.column)
    }
}
