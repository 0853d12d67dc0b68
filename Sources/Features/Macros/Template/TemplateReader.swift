/// Reads what stands in the braces of a reference, all in one line.
struct TemplateReader {
    struct Problem: Error {
        let code: String
        let message: String
    }

    private let bytes: [UInt8]
    private(set) var at: Int

    private static let kinds = "'macro', 'system', 'pack' or 'var'"
    private static let literalBytesMax = 1024

    /// - Parameter at: the byte behind `.spectro`.
    init(_ bytes: [UInt8], at: Int) {
        self.bytes = bytes
        self.at = at
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipBlanks() {
        while next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") { at += 1 }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    private mutating func word() -> String {
        let begin = at
        while let byte = next, Self.isWord(byte) { at += 1 }
        return String(decoding: bytes[begin..<at], as: UTF8.self)
    }

    /// `.macro.<name>`, `.system.<name>`, `.pack.<pack>.<path>` or `.var.<name>`.
    mutating func target() throws(Problem) -> TemplateReference.Target {
        let path = word()
        guard path.utf8.count <= TemplateScanner.pathBytesMax else {
            throw Problem(code: "TooLong", message: "The reference is too long.")
        }
        let parts = path.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: true)
        guard path.hasPrefix("."), parts.count == 2 else { throw unknown(path) }
        let name = String(parts[1])
        guard !name.hasPrefix("."), !name.hasSuffix("."), !name.contains("..") else {
            throw unknown(path)
        }
        switch parts[0] {
        case "macro": return .macro(name)
        case "system": return .system(name)
        case "var": return .variable(name)
        case "pack": return .pack(name)
        default: throw unknown(path)
        }
    }

    private func unknown(_ path: String) -> Problem {
        Problem(
            code: "UnknownReference",
            message: "'.spectro\(path.prefix(80))' is no reference; '.spectro.' is followed by "
                + "\(Self.kinds) and a name."
        )
    }

    /// The pipes up to and with the closing braces.
    mutating func calls() throws(Problem) -> [TemplateCall] {
        var calls: [TemplateCall] = []
        while true {
            skipBlanks()
            switch next {
            case UInt8(ascii: "}"):
                guard at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "}") else {
                    throw unbalanced
                }
                at += 2
                return calls
            case UInt8(ascii: "|"):
                at += 1
                guard calls.count < TemplateScanner.callsMax else {
                    let most = TemplateScanner.callsMax
                    throw Problem(code: "TooMany", message: "A value has at most \(most) pipes.")
                }
                calls.append(try call())
            case nil, UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "{"):
                throw unbalanced
            case let byte?:
                throw unexpected(byte)
            }
        }
    }

    private var unbalanced: Problem {
        Problem(
            code: "UnbalancedBraces",
            message: "A reference ends with '}}' in the line in which it begins."
        )
    }

    private func unexpected(_ byte: UInt8) -> Problem {
        let shown = (0x21...0x7E).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "a character"
        return Problem(
            code: "UnexpectedText",
            message: "There is \(shown) where '|' or '}}' is expected."
        )
    }

    private mutating func call() throws(Problem) -> TemplateCall {
        skipBlanks()
        let name = word()
        guard let function = TemplateFunction.named(name) else {
            if name.isEmpty, next == nil || next == UInt8(ascii: "\n") { throw unbalanced }
            throw Problem(
                code: "UnknownFunction",
                message: "There is no function '\(name.prefix(80))'; there are "
                    + "\(TemplateFunction.names)."
            )
        }
        var arguments: [String] = []
        while true {
            skipBlanks()
            guard let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: "}") else {
                break
            }
            guard arguments.count < function.parameters.count else { throw wrong(function) }
            let argument = try literal()
            if function.parameters[arguments.count] == .number, Int32(argument) == nil {
                throw wrong(function)
            }
            arguments.append(argument)
        }
        guard arguments.count == function.parameters.count else { throw wrong(function) }
        return TemplateCall(function: name, arguments: arguments)
    }

    private func wrong(_ function: TemplateFunction) -> Problem {
        let wanted = function.parameters.map { $0 == .number ? "a whole number" : "a text" }
        return Problem(
            code: "WrongArguments",
            message: wanted.isEmpty
                ? "'\(function.name)' takes no argument."
                : "'\(function.name)' takes \(wanted.joined(separator: " and "))."
        )
    }

    /// A text in double quotes or backquotes, or a bare word such as `8080` or `true`.
    private mutating func literal() throws(Problem) -> String {
        switch next {
        case UInt8(ascii: "\""): return try quoted()
        case UInt8(ascii: "`"):
            at += 1
            let begin = at
            while let byte = next, byte != UInt8(ascii: "`"), byte != UInt8(ascii: "\n") { at += 1 }
            guard next == UInt8(ascii: "`") else { throw unclosed }
            let text = String(decoding: bytes[begin..<at], as: UTF8.self)
            at += 1
            return try checked(text)
        case let byte?:
            let bare = word()
            guard Double(bare) != nil || bare == "true" || bare == "false" else {
                if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { throw unbalanced }
                throw Problem(
                    code: "InvalidLiteral",
                    message: "An argument is a number, or a text in double quotes or backquotes."
                )
            }
            return try checked(bare)
        case nil:
            throw unbalanced
        }
    }

    private func checked(_ text: String) throws(Problem) -> String {
        guard text.utf8.count <= Self.literalBytesMax else {
            throw Problem(code: "TooLong", message: "An argument is too long.")
        }
        return text
    }

    private var unclosed: Problem {
        Problem(code: "InvalidLiteral", message: "A text of an argument is not closed.")
    }

    private mutating func quoted() throws(Problem) -> String {
        var text: [UInt8] = []
        at += 1
        while let byte = next, byte != UInt8(ascii: "\n") {
            at += 1
            if byte == UInt8(ascii: "\"") {
                return try checked(String(decoding: text, as: UTF8.self))
            }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            switch next {
            case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "r"): text.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "\""): text.append(UInt8(ascii: "\""))
            case UInt8(ascii: "\\"): text.append(UInt8(ascii: "\\"))
            default:
                throw Problem(
                    code: "InvalidLiteral",
                    message: "Behind a backslash stands one of n, t, r, \" and \\."
                )
            }
            at += 1
        }
        throw unclosed
    }
}
