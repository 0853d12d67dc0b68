import CYAML

/// What libyaml reports, without its memory.
struct Event {
    enum Kind {
        case documentEnd
        case scalar(String, YAMLNode.Style, anchor: String?, tag: String?)
        case sequenceStart(isFlow: Bool, anchor: String?, tag: String?)
        case mappingStart(isFlow: Bool, anchor: String?, tag: String?)
        case sequenceEnd
        case mappingEnd
        case alias(String)
        case other
    }

    let kind: Kind
    let start: YAMLMark
    let endOffset: Int
}

/// Turns a text into events.
struct EventReader: ~Copyable {
    // libyaml keeps pointers to both, so neither may move.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    // libyaml counts characters; for texts beyond ASCII this gives each character's byte.
    private let offsets: [Int]
    private var hasEnded = false

    init(_ bytes: [UInt8]) throws(YAMLError) {
        offsets = bytes.allSatisfy { $0 < 0x80 } ? [] : Self.characterOffsets(bytes)
        input = .allocate(capacity: max(bytes.count, 1))
        _ = input.initialize(from: bytes)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else {
            throw YAMLError("There is no memory for reading YAML.", line: 1, column: 1)
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    /// The next event, nil after the last one.
    mutating func next() throws(YAMLError) -> Event? {
        if hasEnded { return nil }
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        if event.type == YAML_STREAM_END_EVENT {
            hasEnded = true
            return nil
        }
        return Event(
            kind: try kind(of: event),
            start: mark(event.start_mark),
            endOffset: offset(event.end_mark)
        )
    }

    private func kind(of event: yaml_event_t) throws(YAMLError) -> Event.Kind {
        switch event.type {
        case YAML_DOCUMENT_END_EVENT:
            return .documentEnd
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            // Escapes may make half a surrogate pair, which libyaml lets through.
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw YAMLError("This text is not valid UTF-8.", at: mark(event.start_mark))
            }
            return .scalar(
                text,
                Self.style(scalar.style),
                anchor: Self.string(scalar.anchor),
                tag: Self.string(scalar.tag)
            )
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return .sequenceStart(
                isFlow: start.style == YAML_FLOW_SEQUENCE_STYLE,
                anchor: Self.string(start.anchor),
                tag: Self.string(start.tag)
            )
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return .mappingStart(
                isFlow: start.style == YAML_FLOW_MAPPING_STYLE,
                anchor: Self.string(start.anchor),
                tag: Self.string(start.tag)
            )
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_ALIAS_EVENT: return .alias(Self.string(event.data.alias.anchor) ?? "")
        default: return .other
        }
    }

    private static func style(_ style: yaml_scalar_style_t) -> YAMLNode.Style {
        switch style {
        case YAML_PLAIN_SCALAR_STYLE: .plain
        case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: .block
        default: .quoted
        }
    }

    private static func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(decodingCString: $0, as: UTF8.self) }
    }

    private func mark(_ mark: yaml_mark_t) -> YAMLMark {
        YAMLMark(
            line: Int(mark.line) + 1,
            column: Int(mark.column) + 1,
            offset: offset(mark)
        )
    }

    private func offset(_ mark: yaml_mark_t) -> Int {
        let index = Int(mark.index)
        if offsets.isEmpty { return min(index, input.count) }
        return index < offsets.count ? offsets[index] : input.count
    }

    private static func characterOffsets(_ bytes: [UInt8]) -> [Int] {
        bytes.indices.filter { bytes[$0] & 0xC0 != 0x80 }
    }
}

// What libyaml says, in words for an operator.
extension EventReader {
    private static let sentences: [String: String] = [
        "found character that cannot start any token":
            "This character cannot begin a value; indent with spaces, not tabs, and quote text "
            + "that begins with @, ` or %.",
        "found a tab character that violates indentation": "Indent with spaces, not tabs.",
        "found a tab character where an indentation space is expected":
            "Indent with spaces, not tabs.",
        "mapping values are not allowed in this context":
            "A colon cannot stand here; quote text that holds one, or check the indentation.",
        "did not find expected key": "A key should stand here; check the indentation.",
        "could not find expected ':'": "A colon should follow the key above.",
        "did not find expected '-' indicator":
            "A list item should stand here; check the indentation.",
        "did not find expected ',' or ']'": "A comma or ] is missing.",
        "did not find expected ',' or '}'": "A comma or } is missing.",
        "found unexpected end of stream": "The text ends inside quotes.",
        "did not find expected <document start>":
            "Something follows the end of the document; check the indentation.",
        "control characters are not allowed": "Control characters are not allowed.",
    ]

    private func failure() -> YAMLError {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "unknown trouble"
        let sentence = Self.sentences[problem] ?? "The parser says: \(problem)."
        if state.error == YAML_READER_ERROR {
            // The reader knows only the byte.
            let isControl = problem == "control characters are not allowed"
            return failure(
                isControl ? sentence : "The text is not valid UTF-8.",
                offset: Int(state.problem_offset)
            )
        }
        // At the end libyaml has gone on to a line that is not there.
        if offset(state.problem_mark) >= input.count {
            return failure(sentence, offset: input.count)
        }
        return YAMLError(sentence, at: mark(state.problem_mark))
    }

    private func failure(_ sentence: String, offset: Int) -> YAMLError {
        let before = input.prefix(offset)
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let line = before.count { $0 == 0x0A }
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 }
        return YAMLError(sentence, line: line + 1, column: column + 1)
    }
}
