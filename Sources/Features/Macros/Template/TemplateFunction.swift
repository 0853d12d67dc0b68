import Primitives

/// A function that a value can go through: those of Sprig that make one text of another.
struct TemplateFunction: Sendable {
    enum Parameter: Sendable { case text, number }

    /// Why a function has no result.
    struct Problem: Error {
        let code: String
        let message: String
    }

    /// What a value may grow to.
    static let bytesMax = 64 << 10

    let name: String
    let parameters: [Parameter]
    /// - Parameters: the arguments, as many and of the kind that `parameters` says, and the value.
    let run: @Sendable (_ arguments: [String], _ value: String) throws(Problem) -> String

    private init(
        _ name: String,
        _ parameters: [Parameter] = [],
        _ run:
            @escaping @Sendable (_ arguments: [String], _ value: String) throws(Problem) ->
            String
    ) {
        self.name = name
        self.parameters = parameters
        self.run = run
    }

    static func named(_ name: String) -> TemplateFunction? { byName[name] }

    /// All names, for people.
    static let names = all.map(\.name).joined(separator: ", ")

    private static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    private static let all: [TemplateFunction] = [
        TemplateFunction("default", [.text]) { $1.isEmpty ? $0[0] : $1 },
        TemplateFunction("upper") { $1.uppercased() },
        TemplateFunction("lower") { $1.lowercased() },
        TemplateFunction("title") { title($1) },
        TemplateFunction("trim") { trimmed($1, isBlank) },
        TemplateFunction("trimAll", [.text]) { arguments, value in
            trimmed(value) { arguments[0].contains($0) }
        },
        TemplateFunction("trimPrefix", [.text]) {
            $1.hasPrefix($0[0]) ? String($1.dropFirst($0[0].count)) : $1
        },
        TemplateFunction("trimSuffix", [.text]) {
            $1.hasSuffix($0[0]) ? String($1.dropLast($0[0].count)) : $1
        },
        TemplateFunction("nospace") { $1.filter { !isBlank($0) } },
        TemplateFunction("quote") { quoted($1) },
        TemplateFunction("squote") { "'" + $1.replacing("'", with: "''") + "'" },
        TemplateFunction("replace", [.text, .text]) { arguments, value throws(Problem) in
            try replaced(value, arguments[0], arguments[1])
        },
        TemplateFunction("trunc", [.number]) { arguments, value in
            let count = Int(Int32(arguments[0]) ?? 0)
            return String(count < 0 ? value.suffix(-count) : value.prefix(count))
        },
        TemplateFunction("repeat", [.number]) { arguments, value throws(Problem) in
            let count = max(0, Int(Int32(arguments[0]) ?? 0))
            try checkSize(count, times: value.utf8.count)
            return String(repeating: value, count: value.isEmpty ? 0 : count)
        },
        TemplateFunction("b64enc") { Base64.encode(Array($1.utf8)) },
        TemplateFunction("b64dec") { _, value throws(Problem) in try decoded(value) },
        TemplateFunction("int") { String(integer($1)) },
        TemplateFunction("int64") { String(integer($1)) },
        TemplateFunction("toString") { $1 },
        TemplateFunction("indent", [.number]) { arguments, value throws(Problem) in
            try indented(value, arguments[0])
        },
        TemplateFunction("nindent", [.number]) { arguments, value throws(Problem) in
            "\n" + (try indented(value, arguments[0]))
        },
    ]

    private static func isBlank(_ character: Character) -> Bool { character.isWhitespace }

    private static func trimmed(_ text: String, _ drops: (Character) -> Bool) -> String {
        var rest = text.drop(while: drops)
        while let last = rest.last, drops(last) { rest.removeLast() }
        return String(rest)
    }

    private static func title(_ text: String) -> String {
        var result = ""
        var isFirst = true
        for character in text {
            result += isFirst ? String(character).uppercased() : String(character)
            isFirst = !character.isLetter && !character.isNumber && character != "'"
        }
        return result
    }

    private static func checkSize(_ count: Int, times bytes: Int) throws(Problem) {
        let (size, isHuge) = count.multipliedReportingOverflow(by: bytes)
        guard !isHuge, size <= bytesMax else {
            throw Problem(
                code: "TooLarge",
                message: "A value would grow beyond \(bytesMax) bytes."
            )
        }
    }

    /// In double quotes, as YAML, JSON and Go read them.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func replaced(
        _ text: String,
        _ old: String,
        _ new: String
    ) throws(Problem) -> String {
        guard !old.isEmpty else { return text }
        let places = text.ranges(of: old)
        try checkSize(places.count, times: new.utf8.count)
        var result = ""
        var rest = text.startIndex
        for place in places {
            result += text[rest..<place.lowerBound]
            result += new
            rest = place.upperBound
        }
        return result + text[rest...]
    }

    private static func decoded(_ text: String) throws(Problem) -> String {
        guard let bytes = Base64.decode(text),
            let decoded = String(validating: bytes, as: UTF8.self)
        else {
            throw Problem(code: "InvalidValue", message: "The value is no base64 of a text.")
        }
        return decoded
    }

    /// A whole number from what may have a fraction; 0, as in Sprig, when it is none.
    private static func integer(_ text: String) -> Int64 {
        Int64(text) ?? Double(text).flatMap { Int64(exactly: $0.rounded(.towardZero)) } ?? 0
    }

    private static func indented(_ text: String, _ width: String) throws(Problem) -> String {
        let width = max(0, Int(Int32(width) ?? 0))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        try checkSize(lines.count, times: width)
        let margin = String(repeating: " ", count: width)
        return lines.map { margin + $0 }.joined(separator: "\n")
    }
}
