import JSON

/// Writes block-style YAML that reads back as the same value, here and in YAML 1.1 readers.
///
/// Text is left plain only when no reader could take it for anything else; text of several lines
/// becomes a literal block. Plain scalars of a parsed text keep their spelling.
package struct YAMLWriter {
    /// The text of a value, ending with a line break.
    package static func text(_ value: JSONValue) -> String {
        text(YAMLNode(value))
    }

    /// The text of a node, ending with a line break.
    ///
    /// Anchors and aliases are written out.
    package static func text(_ node: YAMLNode) -> String {
        var writer = YAMLWriter()
        writer.root(node)
        return writer.text
    }

    /// The lines of pairs that stand in a block mapping at a column, from 0.
    static func lines(_ pairs: [YAMLNode.Pair], column: Int) -> String {
        var writer = YAMLWriter()
        for pair in pairs { writer.pair(pair, column, startsLine: true) }
        return writer.text
    }

    /// A value as it follows a colon, without the line break at its end.
    static func afterColon(_ node: YAMLNode, column: Int) -> String {
        var writer = YAMLWriter()
        writer.value(node, column)
        return String(writer.text.dropLast())
    }

    private var text = ""

    private mutating func root(_ node: YAMLNode) {
        switch node.content {
        case .mapping(let pairs) where !pairs.isEmpty:
            for pair in pairs { self.pair(pair, 0, startsLine: true) }
        case .sequence(let elements) where !elements.isEmpty:
            items(elements, 0, startsLine: true)
        case .scalar(let scalar, _)
        where scalar.utf8.contains(0x0A) || (scalar.isEmpty && node.isPlain):
            // A literal block at the root must be marked as a document's content, and an empty
            // text would be no document.
            text += "---"
            value(node, 0, childColumn: 2)
        default:
            value(node, 0)
            // A mark that combines with the blank makes one character of both.
            text.unicodeScalars.removeFirst()
        }
    }

    private mutating func indent(_ column: Int) {
        text += String(repeating: " ", count: column)
    }

    private mutating func pair(_ pair: YAMLNode.Pair, _ column: Int, startsLine: Bool) {
        if startsLine { indent(column) }
        let key = keyText(pair.key)
        // A key on one line with its colon may have 1,024 characters (YAML 1.2.2 §7.4.2).
        if key.utf8.count > 500 {
            text += "? " + key + "\n"
            indent(column)
            text += ":"
        } else {
            text += key + ":"
        }
        value(pair.value, column)
    }

    private mutating func items(_ elements: [YAMLNode], _ column: Int, startsLine: Bool) {
        for (number, element) in elements.enumerated() {
            if startsLine || number > 0 { indent(column) }
            text += "-"
            switch element.content {
            case .mapping(let pairs) where !pairs.isEmpty:
                text += " "
                for (place, pair) in pairs.enumerated() {
                    self.pair(pair, column + 2, startsLine: place > 0)
                }
            case .sequence(let inner) where !inner.isEmpty:
                text += " "
                items(inner, column + 2, startsLine: false)
            default:
                value(element, column)
            }
        }
    }

    /// Writes what follows a colon or a dash: a blank and a scalar, or a line break and lines.
    private mutating func value(_ node: YAMLNode, _ column: Int, childColumn: Int? = nil) {
        let inner = childColumn ?? column + 2
        switch node.content {
        case .mapping(let pairs):
            text += pairs.isEmpty ? " {}\n" : "\n"
            for pair in pairs { self.pair(pair, inner, startsLine: true) }
        case .sequence(let elements):
            text += elements.isEmpty ? " []\n" : "\n"
            items(elements, inner, startsLine: true)
        case .scalar(let scalar, _):
            if node.isPlain {
                text += scalar.isEmpty ? "\n" : " " + scalar + "\n"
            } else if let tag = node.tag, tag != .str {
                text += " !!" + tag.rawValue + " " + YAMLScalar.doubleQuoted(scalar) + "\n"
            } else if YAMLScalar.fitsLiteral(scalar) {
                literal(scalar, inner)
            } else {
                text += " " + YAMLScalar.doubleQuoted(scalar) + "\n"
            }
        }
    }

    private mutating func literal(_ scalar: String, _ column: Int) {
        text += " |"
        // Without the digit a reader would take blanks in front for indentation.
        if let first = scalar.utf8.first, [0x20, 0x0A, 0x09].contains(first) { text += "2" }
        if !scalar.hasSuffix("\n") {
            text += "-"
        } else if scalar.hasSuffix("\n\n") {
            text += "+"
        }
        text += "\n"
        var lines = scalar.split(separator: "\n", omittingEmptySubsequences: false)
        if scalar.hasSuffix("\n") { lines.removeLast() }
        for line in lines {
            if !line.isEmpty { indent(column) }
            text += line + "\n"
        }
    }

    private func keyText(_ key: YAMLNode) -> String {
        let scalar = key.text ?? ""
        if key.isPlain, !scalar.isEmpty { return scalar }
        return YAMLScalar.doubleQuoted(scalar)
    }
}

extension YAMLNode {
    /// A node that means a JSON value.
    package init(_ value: JSONValue) {
        switch value {
        case .null: self.init(.scalar("null", .plain))
        case .bool(let flag): self.init(.scalar(flag ? "true" : "false", .plain))
        case .int(let number): self.init(.scalar(String(number), .plain))
        case .double(let number): self.init(.scalar(YAMLScalar.number(number), .plain))
        case .string(let text):
            self.init(.scalar(text, YAMLScalar.isSafePlain(text) ? .plain : .quoted))
        case .array(let elements): self.init(.sequence(elements.map { YAMLNode($0) }))
        case .object(let members):
            self.init(
                .mapping(
                    members.map {
                        Pair(key: YAMLNode(.string($0.key)), value: YAMLNode($0.value))
                    }
                )
            )
        }
    }

    /// Whether the spelling may be written without quotes as it is.
    ///
    /// Text over several lines may not: it would be folded again. U+0085, U+2028 and U+2029 end
    /// lines too, for libyaml as for YAML 1.1. In the first column three dashes or points would
    /// begin or end a document. A single indicator is text only between brackets. A byte order mark
    /// would be taken for one where it comes to stand first.
    fileprivate var isPlain: Bool {
        guard case .scalar(let text, .plain) = content, tag == nil,
            !text.utf8.starts(with: "---".utf8), !text.utf8.starts(with: "...".utf8),
            !["-", "?", ":"].contains(text)
        else { return false }
        return !text.unicodeScalars.contains {
            ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{FEFF}"].contains($0)
        }
    }
}

/// How text is spelled as a YAML scalar.
enum YAMLScalar {
    // Words that some reader takes for null or a truth value (YAML 1.1), in lower case.
    private static let words: Set<String> = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n",
    ]

    /// Whether every reader takes the text for text when it stands without quotes.
    static func isSafePlain(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.last != 0x20, isWordStart(first),
            !words.contains(text.lowercased())
        else { return false }
        var previous: UInt8 = 0
        for byte in text.utf8 {
            // A colon or a number sign beside a blank begins something else.
            if previous == UInt8(ascii: ":"), byte == 0x20 { return false }
            if !isPlainByte(byte) { return false }
            previous = byte
        }
        return previous != UInt8(ascii: ":")
    }

    private static func isWordStart(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "/")
            || byte == UInt8(ascii: "_")
    }

    private static func isPlainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: " "), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"),
            UInt8(ascii: "@"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "="), UInt8(ascii: ";"):
            true
        default: false
        }
    }

    /// Whether the text can stand as a literal block.
    static func fitsLiteral(_ text: String) -> Bool {
        guard text.utf8.contains(0x0A) else { return false }
        return text.utf8.contains { $0 != 0x0A && $0 != 0x20 && $0 != 0x09 }
            && text.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || isPrintable($0) }
    }

    /// The text in double quotes, on one line.
    static func doubleQuoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where isPrintable(scalar): quoted.unicodeScalars.append(scalar)
            default: quoted += escape(scalar)
            }
        }
        return quoted + "\""
    }

    /// The spelling of a number that YAML 1.1 takes for one too: always with a point.
    static func number(_ number: Double) -> String {
        guard number.isFinite else { return "null" }
        let text = number.description
        if text.contains(".") { return text }
        guard let exponent = text.firstIndex(of: "e") else { return text + ".0" }
        return text[..<exponent] + ".0" + text[exponent...]
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16)
        let (letter, width) =
            scalar.value <= 0xFF ? ("x", 2) : scalar.value <= 0xFFFF ? ("u", 4) : ("U", 8)
        return "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
    }

    /// What libyaml lets stand as it is, without the line breaks of YAML 1.1 and the BOM.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2028, 0x2029, 0xFEFF: false
        case 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }
}
