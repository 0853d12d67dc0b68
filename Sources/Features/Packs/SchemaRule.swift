import JSON

/// One rule of `schema.yaml` about one value: `{{ required | format "${list:[a,b]}" | hints "…" }}`
/// (BEHAVIOUR 4.2).
struct SchemaRule: Sendable {
    /// The value's path, such as `manifests.hello.port`.
    let path: String
    /// The keys of the path, in one part for each list whose elements are meant and one more.
    let steps: [[String]]
    var isRequired = false
    var isReadOnly = false
    /// The format as written; empty when the rule has none.
    var format = ""
    /// The format ready to be applied; nil when there is none or it cannot be read.
    private(set) var form: SchemaFormat?
    /// The type of the format's placeholder; empty when it has none or several.
    var type = ""
    /// What stands between the slashes of `${string:/…/}`.
    var regex = ""
    /// The choices of `${list:[…]}`.
    var options: [String] = []
    var hints: [String] = []

    /// Reads a rule; nil when it has another form.
    init?(path: String, _ text: String) {
        self.path = path
        steps = path.split(separator: "$[]", omittingEmptySubsequences: false)
            .map { $0.split(separator: ".").map(String.init) }
        var text = Self.trimmed(text[...])
        guard text.hasPrefix("{{"), text.hasSuffix("}}"), text.utf8.count >= 4 else { return nil }
        text = text.dropFirst(2).dropLast(2)
        guard let calls = Self.calls(text) else { return nil }
        for (name, arguments) in calls {
            switch (name, arguments.count) {
            case ("required", 0): isRequired = true
            case ("readonly", 0): isReadOnly = true
            case ("format", 1):
                format = arguments[0]
                readPlaceholder()
            case ("hints", 1...): hints += arguments
            default: return nil
            }
        }
    }

    /// The functions between the bars, each with its quoted arguments; nil when a quote is open or
    /// a name missing.
    private static func calls(_ text: Substring) -> [(String, [String])]? {
        var calls: [(String, [String])] = []
        var name = ""
        var arguments: [String] = []
        var quoted: String?
        var isEscaped = false
        for character in text {
            if let argument = quoted {
                if isEscaped {
                    // Only the quote needs an escape; a backslash before anything else belongs
                    // to a regular expression.
                    quoted = argument + (character == "\"" ? "\"" : "\\\(character)")
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    arguments.append(argument)
                    quoted = nil
                } else {
                    quoted = argument + String(character)
                }
            } else if character == "\"" {
                quoted = ""
            } else if character == "|" {
                guard !name.isEmpty else { return nil }
                calls.append((name, arguments))
                name = ""
                arguments = []
            } else if !character.isWhitespace {
                guard arguments.isEmpty else { return nil }
                name.append(character)
            }
        }
        guard quoted == nil, !name.isEmpty else { return nil }
        calls.append((name, arguments))
        return calls
    }

    /// Takes `${type}`, `${type:/regex/}` and `${list:[a,b]}` apart.
    private mutating func readPlaceholder() {
        form = SchemaFormat(format)
        guard let form, form.parts.count == 1,
            case .placeholder(let placeholder) = form.parts[0]
        else { return }
        type = placeholder.type
        regex = placeholder.regex
        options = placeholder.options
    }

    /// Whether the rule has a format that can be applied, or none.
    var hasReadableFormat: Bool { format.isEmpty || form != nil }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

extension SchemaRule: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("format", format)
            writer.field("hints", hints)
            writer.field("listOptions", options)
            writer.field("name", path)
            writer.field("readonly", isReadOnly)
            writer.field("regex", regex)
            writer.field("required", isRequired)
            writer.field("type", type)
        }
    }
}

extension SchemaRule {
    private static let known = KnownSchemas()

    /// The readable rules of a `schema.yaml`, in its order.
    static func rules(of schema: String) -> [SchemaRule] {
        guard !schema.isEmpty else { return [] }
        return known.rules(of: schema) { read(schema) }
    }

    private static func read(_ schema: String) -> [SchemaRule] {
        guard let value = try? PackYAML.value(Array(schema.utf8)),
            let members = value.members
        else { return [] }
        return members.compactMap { member in
            member.value["schema"]?.text.flatMap { SchemaRule(path: member.key, $0) }
        }
    }
}
