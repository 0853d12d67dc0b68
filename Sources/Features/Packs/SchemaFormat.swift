import Primitives

/// The `format` of a schema rule: text with placeholders, such as `${ipv4} - ${ipv4}`
/// (BEHAVIOUR 4.2).
struct SchemaFormat: Sendable {
    /// The longest value in characters that is compared with several placeholders.
    private static let valueLengthMax = 256
    /// The most ways of dividing a value that are tried; what takes more has not the format.
    private static let triesMax = 1000

    enum Part: Sendable {
        case literal(String)
        case placeholder(SchemaPlaceholder)
    }

    let parts: [Part]

    /// Reads a format; nil when a placeholder is open or of no known form.
    init?(_ text: String) {
        var parts: [Part] = []
        var rest = text[...]
        while let dollar = rest.firstRange(of: "${") {
            if dollar.lowerBound > rest.startIndex {
                parts.append(.literal(String(rest[..<dollar.lowerBound])))
            }
            guard
                let (placeholder, after) = SchemaPlaceholder.read(rest[dollar.upperBound...])
            else { return nil }
            parts.append(.placeholder(placeholder))
            rest = after
        }
        if !rest.isEmpty { parts.append(.literal(String(rest))) }
        self.parts = parts
    }

    /// Whether the value is a secret, which no message may tell.
    var isPassword: Bool {
        parts.contains { part in
            if case .placeholder(let placeholder) = part { return placeholder.type == "password" }
            return false
        }
    }

    /// Whether the whole value has the format.
    func matches(_ value: String) -> Bool {
        if parts.count == 1, case .placeholder(let placeholder) = parts[0] {
            return placeholder.matches(value)
        }
        let text = Array(value)
        guard text.count <= Self.valueLengthMax else { return false }
        var tries = 0
        // Where the parts so far may end.
        var ends: Set<Int> = [0]
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            var next: Set<Int> = []
            for start in ends {
                switch part {
                case .literal(let literal):
                    if text[start...].starts(with: literal) { next.insert(start + literal.count) }
                case .placeholder(let placeholder):
                    let candidates = isLast ? text.count...text.count : start...text.count
                    for end in candidates
                    where isLast || Self.begins(parts[index + 1], text[end...]) {
                        tries += 1
                        guard tries <= Self.triesMax else { return false }
                        if placeholder.matches(String(text[start..<end])) { next.insert(end) }
                    }
                }
            }
            ends = next
        }
        return ends.contains(text.count)
    }

    private static func begins(_ part: Part, _ text: ArraySlice<Character>) -> Bool {
        guard case .literal(let literal) = part else { return true }
        return text.starts(with: literal)
    }

    /// What the format wants, for a message: `a number from 1 to 5`.
    var inWords: String {
        if parts.count == 1, case .placeholder(let placeholder) = parts[0] {
            return placeholder.inWords
        }
        let shown = parts.map { part in
            switch part {
            case .literal(let literal): literal
            case .placeholder(let placeholder): "<\(placeholder.inWords)>"
            }
        }
        return "of the form '\(shown.joined())'"
    }
}

/// One `${type:limit}` of a format.
struct SchemaPlaceholder: Sendable {
    /// `string`, `number`, `boolean`, `password`, `list`, `ipv4` or `version`.
    let type: String
    /// What stands between the slashes of `${string:/…/}`.
    private(set) var regex = ""
    /// The choices of `${list:[…]}`.
    private(set) var options: [String] = []
    private var range: ClosedRange<Double>?
    private var pattern: TextPattern?

    private static let types: Set<String> = [
        "string", "number", "boolean", "password", "list", "ipv4", "version",
    ]

    /// Reads what stands behind `${`.
    ///
    /// - Returns: the placeholder and the text behind its brace.
    static func read(_ text: Substring) -> (SchemaPlaceholder, Substring)? {
        guard let stop = text.firstIndex(where: { $0 == ":" || $0 == "}" }) else { return nil }
        var found = SchemaPlaceholder(type: trimmed(text[..<stop]))
        guard types.contains(found.type) else { return nil }
        var rest = text[stop...].dropFirst()
        if text[stop] == "}" { return found.type == "list" ? nil : (found, rest) }
        if rest.first == "/" {
            // A regular expression may hold braces and brackets.
            guard let end = rest.dropFirst().firstRange(of: "/}") else { return nil }
            found.regex = String(rest.dropFirst()[..<end.lowerBound])
            found.pattern = TextPattern(found.regex)
            rest = rest[end.upperBound...]
            guard found.pattern != nil, found.type != "list" else { return nil }
            return (found, rest)
        }
        guard rest.first == "[", let end = rest.firstRange(of: "]}") else { return nil }
        let inner = rest.dropFirst()[..<end.lowerBound]
        switch found.type {
        case "list": found.options = inner.split(separator: ",").map(trimmed)
        case "number":
            guard let dash = inner.dropFirst().firstIndex(of: "-"),
                let low = Double(trimmed(inner[..<dash])),
                let high = Double(trimmed(inner[dash...].dropFirst())), low <= high
            else { return nil }
            found.range = low...high
        default: return nil
        }
        return (found, rest[end.upperBound...])
    }

    private init(type: String) { self.type = type }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    func matches(_ value: String) -> Bool {
        if let pattern, !pattern.isFound(in: value) { return false }
        switch type {
        case "number":
            // Swift reads `0x1p3` and `infinity` too, which are texts to YAML's readers.
            guard value.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
                let number = Double(value), number.isFinite
            else { return false }
            return range?.contains(number) ?? true
        case "boolean": return value == "true" || value == "false"
        case "list": return options.contains(value)
        case "ipv4":
            // Colons would be the IPv6 spelling of an IPv4 address.
            return !value.contains(":") && IPAddress(value.utf8)?.isIPv4 == true
        case "version": return SemanticVersion(value) != nil
        default: return true
        }
    }

    var inWords: String {
        let plain: String
        switch type {
        case "number":
            let whole = range.map { ($0.lowerBound.inWords, $0.upperBound.inWords) }
            plain = whole.map { "a number from \($0) to \($1)" } ?? "a number"
        case "boolean": plain = "true or false"
        case "list": plain = "one of " + options.joined(separator: ", ")
        case "ipv4": plain = "an IPv4 address"
        case "version": plain = "a semantic version"
        default: plain = "a text"
        }
        return regex.isEmpty ? plain : "\(plain) that matches /\(regex)/"
    }
}

extension Double {
    fileprivate var inWords: String {
        Int64(exactly: self).map { String($0) } ?? String(self)
    }
}
