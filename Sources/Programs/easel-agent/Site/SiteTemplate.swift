/// Puts site properties in where `{{ .site.key }}` stands, and leaves every other `{{ … }}` to
/// whom it belongs.
enum SiteTemplate {
    /// Why a text cannot be rendered; the description is a sentence.
    struct Refusal: Error, Hashable, CustomStringConvertible {
        let reason: String
        let description: String
    }

    /// A rendered text.
    struct Rendered: Sendable, Hashable {
        let bytes: [UInt8]
        /// Whether a site property stands in it.
        let usesSite: Bool
    }

    /// - Parameter properties: the value of each key; keys of inner mappings are joined by dots.
    static func render(
        _ text: [UInt8],
        _ properties: [String: SiteValue]
    ) throws(Refusal) -> Rendered {
        var result: [UInt8] = []
        var at = 0
        var usesSite = false
        while at < text.count {
            guard text[at] == openBrace, at + 1 < text.count, text[at + 1] == openBrace,
                let keyStart = keyStart(text, after: at + 2)
            else {
                result.append(text[at])
                at += 1
                continue
            }
            let (key, end) = try key(text, from: keyStart, opening: at)
            usesSite = true
            result += try value(of: key, properties).utf8
            at = end
        }
        return Rendered(bytes: result, usesSite: usesSite)
    }

    private static let openBrace = UInt8(ascii: "{")
    private static let closeBrace = UInt8(ascii: "}")

    /// Where the key begins when `.site` follows the braces, else nil.
    private static func keyStart(_ text: [UInt8], after start: Int) -> Int? {
        var at = start
        while at < text.count, text[at] == 0x20 { at += 1 }
        let word = Array(".site".utf8)
        guard text[at...].starts(with: word) else { return nil }
        at += word.count
        // `.sites` is another name.
        guard at < text.count, !isKeyByte(text[at]) || text[at] == UInt8(ascii: ".") else {
            return nil
        }
        return at
    }

    /// The key, and the place behind the closing braces.
    private static func key(
        _ text: [UInt8],
        from start: Int,
        opening: Int
    ) throws(Refusal) -> (key: String, end: Int) {
        var at = start
        if at < text.count, text[at] == UInt8(ascii: ".") { at += 1 }
        let first = at
        while at < text.count, isKeyByte(text[at]) { at += 1 }
        let key = String(decoding: text[first..<at], as: UTF8.self)
        while at < text.count, text[at] == 0x20 { at += 1 }
        guard first > start, !key.isEmpty, at + 1 < text.count, text[at] == closeBrace,
            text[at + 1] == closeBrace
        else {
            let line = text[..<opening].count { $0 == 0x0A } + 1
            throw Refusal(
                reason: "TemplateNotUnderstood",
                description: "Line \(line) uses a site property in another form than "
                    + "{{ .site.key }}."
            )
        }
        return (key, at + 2)
    }

    private static func value(
        of key: String,
        _ properties: [String: SiteValue]
    ) throws(Refusal) -> String {
        switch properties[key] {
        case .text(let text): return text
        case .collection:
            throw Refusal(
                reason: "SitePropertyNotSingle",
                description: "The site property '\(key)' is no single value; name one of its parts."
            )
        case nil:
            throw Refusal(
                reason: "SitePropertyMissing",
                description: "unattended.yaml has no '\(key)', which the layer needs."
            )
        }
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: false
        }
    }
}

/// What a template can ask for.
enum SiteValue: Sendable, Hashable {
    /// A single value as it was written.
    case text(String)
    /// A list or a mapping.
    case collection
}
