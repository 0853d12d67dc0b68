import JSON

// The core schema (YAML 1.2.2 §10.3): what plain scalars mean.
extension YAMLNode {
    /// The JSON value the node means; merge keys (`<<`) are carried out.
    ///
    /// Plain `yes`, `no`, `on` and `off` are text. Integers with a leading zero, such as `0644`,
    /// are text too, because YAML 1.1 reads them as octal and 1.2 as decimal.
    ///
    /// - Throws: `YAMLError` for numbers JSON cannot hold and for tags that do not fit.
    package func json() throws(YAMLError) -> JSONValue {
        switch content {
        case .scalar(let text, let style):
            return try Self.scalar(text, style, tag, start)
        case .sequence(let elements):
            var values: [JSONValue] = []
            values.reserveCapacity(elements.count)
            for element in elements { values.append(try element.json()) }
            return .array(values)
        case .mapping(let pairs):
            var members = JSONObject()
            for pair in pairs where !pair.key.isMergeKey {
                // Keys differ, or the parser had refused them.
                _ = members.insert(try pair.value.json(), named: pair.key.text ?? "")
            }
            for pair in pairs where pair.key.isMergeKey {
                for source in pair.value.elements ?? [pair.value] {
                    guard case .object(let merged) = try source.json() else {
                        throw YAMLError(
                            "Only mappings can be merged with <<.",
                            at: source.start
                        )
                    }
                    for member in merged { _ = members.insert(member.value, named: member.key) }
                }
            }
            return .object(members)
        }
    }

    /// The integer a scalar means, else nil.
    package var int: Int64? { (try? json())?.integer }
    /// The truth value a scalar means, else nil.
    package var bool: Bool? { (try? json())?.flag }
    /// The text a scalar means, nil when it means a number, a boolean or null.
    package var string: String? { (try? json())?.text }
    /// Whether the node means null.
    package var isNull: Bool {
        guard case .scalar = content else { return false }
        return (try? json()) == .null
    }

    static func scalar(
        _ text: String,
        _ style: Style,
        _ tag: Tag?,
        _ start: YAMLMark
    ) throws(YAMLError) -> JSONValue {
        if tag == .str || (tag == nil && style != .plain) { return .string(text) }
        let value = try plain(text, start)
        switch (tag, value) {
        case (nil, _), (.null, .null), (.bool, .bool), (.int, .int), (.float, .double):
            return value
        case (.float, .int(let number)):
            return .double(Double(number))
        default:
            throw YAMLError("The value does not fit its tag.", at: start)
        }
    }

    private static func plain(_ text: String, _ start: YAMLMark) throws(YAMLError) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
            ".nan", ".NaN", ".NAN":
            throw YAMLError("JSON has no form for \(text); quote it if it is text.", at: start)
        default: break
        }
        let shape = NumberShape(text.utf8)
        switch shape {
        case .text:
            return .string(text)
        case .integer(let radix):
            let digits = radix == 10 ? text[...] : text.dropFirst(2)
            guard let number = Int64(digits, radix: radix) else {
                throw YAMLError(
                    "The integer does not fit into 64 bits; quote it if it is text.",
                    at: start
                )
            }
            return .int(number)
        case .float:
            // Swift wants a digit before the point and after it.
            var spelling = text.replacing(leading: "+")
            if spelling.hasPrefix(".") { spelling = "0" + spelling }
            guard let number = Double(spelling), number.isFinite else {
                throw YAMLError(
                    "The number is too large; quote it if it is text.",
                    at: start
                )
            }
            return .double(number)
        }
    }
}

extension String {
    fileprivate func replacing(leading character: Character) -> String {
        first == character ? String(dropFirst()) : self
    }
}

/// What a plain scalar looks like.
private enum NumberShape {
    case text
    case integer(radix: Int)
    case float

    init(_ text: String.UTF8View) {
        self = .text
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        if text.starts(with: "0x".utf8) || text.starts(with: "0o".utf8) {
            let isHexadecimal = text.starts(with: "0x".utf8)
            let digits = text.dropFirst(2)
            let fit = digits.allSatisfy { byte in
                isHexadecimal
                    ? isDigit(byte) || (0x61...0x66).contains(byte | 0x20)
                    : (0x30...0x37).contains(byte)
            }
            if fit, !digits.isEmpty { self = .integer(radix: isHexadecimal ? 16 : 8) }
            return
        }
        var rest = text[...]
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        let hasLeadingZero = whole.count > 1 && whole.first == 0x30
        if rest.isEmpty {
            if !whole.isEmpty, !hasLeadingZero { self = .integer(radix: 10) }
            return
        }
        var fraction = rest[rest.startIndex..<rest.startIndex]
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = rest.prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count)
        }
        if whole.isEmpty, fraction.isEmpty { return }
        if let letter = rest.first, letter | 0x20 == UInt8(ascii: "e") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
                rest.removeFirst()
            }
            if rest.isEmpty { return }
        }
        if rest.allSatisfy(isDigit), rest.isEmpty || text.contains(where: { $0 | 0x20 == 0x65 }) {
            self = .float
        }
    }
}
