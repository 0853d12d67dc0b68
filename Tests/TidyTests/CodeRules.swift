/// Rules about declarations and statements.
extension Rule {
    static let documented = Rule(
        name: "undocumented",
        sentence: "Say in a /// comment what the declaration is; other targets see it.",
        reach: .sources,
        broken: SourceText(
            path: "Sources/Platform/A/A.swift",
            "@discardableResult\npackage func read() -> Int {\n"
        ),
        kept: SourceText(
            path: "Sources/Platform/A/A.swift",
            """
            package import CSystem
            /// Reads.
            @discardableResult
            package func read() -> Int { 1 }
            package init(a: Int) {
                self.a = a
            }
            package var description: String { "" } // package func no()
                package let member: Int
                package private(set) var other = 1
            """
        )
    ) { file in
        file.code.offsets(ofWhole: "package").filter { offset in
            declaresForOthers(file, at: offset) && !hasDocumentation(file, at: offset)
        }.map { file.finding(at: $0) }
    }

    /// Whether `package` at this offset opens a declaration that has something to explain.
    ///
    /// What a well-known protocol asks for and an initialiser that only copies its arguments say
    /// nothing that the protocol or the properties do not say. A stored property of a type is
    /// explained by its name or by a comment: that is for a reader to judge.
    private static func declaresForOthers(_ file: SourceText, at offset: Int) -> Bool {
        let declaration = file.code[offset...].prefix { $0 != newline }
        let text = String(decoding: declaration, as: UTF8.self)
        guard text.hasPrefix("package "), !text.hasPrefix("package import "),
            !text.hasPrefix("package extension "), !text.contains(" override ")
        else { return false }
        let witnesses = [
            " var description:", " var debugDescription:", " func hash(into", " func == (",
            " func < (", " func encode(to", " init(from ", " func next()", " func makeIterator()",
            " var errorDescription:", " var id:", " var rawValue:", " init(rawValue",
            " func write(to writer:", " static var example:", " static var examples:",
            " static var schema:", " func log(event:", " subscript(metadataKey",
        ]
        guard !witnesses.contains(where: text.contains) else { return false }
        let isMember = offset > 0 && file.code[offset - 1] == space
        let isStored = (text.contains(" var ") || text.contains(" let ")) && !text.contains("{")
        guard !(isMember && isStored && !text.contains(" static ")) else { return false }
        return !(text.contains(" init(") && copiesOnly(file, from: offset))
    }

    private static func hasDocumentation(_ file: SourceText, at offset: Int) -> Bool {
        var number = file.line(at: offset) - 1
        while number > 0 {
            let above = file.line(number, of: file.bytes).trimmed
            if above.hasPrefix("///") { return true }
            guard above.hasPrefix("@") || above.hasPrefix("#if") || above.hasPrefix("//") else {
                return false
            }
            number -= 1
        }
        return false
    }

    /// Whether every statement of an initialiser's body is `self.name = …`.
    private static func copiesOnly(_ file: SourceText, from offset: Int) -> Bool {
        guard let body = FunctionFinder.body(in: file.code, from: offset) else { return false }
        let first = file.line(at: body.lowerBound) + 1
        let last = file.line(at: body.upperBound)
        guard first < last else { return true }
        return (first..<last).allSatisfy { number in
            let line = file.line(number, of: file.code).trimmed
            return line.isEmpty || line.hasPrefix("self.")
        }
    }

    static let noTraps = Rule(
        name: "trap",
        sentence: "Throw, or return an optional: nothing that input reaches may stop the process.",
        reach: .sources,
        broken: SourceText(path: "Sources/Platform/A/A.swift", "let a = list.first!.name\n"),
        kept: SourceText(
            path: "Sources/Platform/A/A.swift",
            "if !a, b != c, d !== e { f(!g) } // h!\nlet i = \"j! try! as!\"\n#if !os(Linux)\n"
        )
    ) { file in
        let words = ["try!", "as!", "fatalError("].flatMap { file.code.offsets(of: $0) }
        let unwraps = file.code.offsets(of: "!").filter { offset in
            guard offset > 0 else { return false }
            let before = file.code[offset - 1]
            let after = offset + 1 < file.code.count ? file.code[offset + 1] : 0
            let followsValue =
                before.isIdentifierPart || before == UInt8(ascii: ")")
                || before == UInt8(ascii: "]") || before == UInt8(ascii: "\"")
            return followsValue && after != UInt8(ascii: "=")
        }
        return file.findings(at: words + unwraps)
    }

    /// The longest file that needs no entry in `Allowed.swift`, in lines.
    static let fileLinesMax = 600
    /// The longest function that needs no entry in `Allowed.swift`, in lines.
    static let functionLinesMax = 70

    static let fileLength = Rule(
        name: "long-file",
        sentence: "Split the file by idea: it is over \(fileLinesMax) lines.",
        reach: .sources,
        broken: SourceText(
            path: "Sources/Platform/A/A.swift",
            String(repeating: "\n", count: fileLinesMax + 1)
        ),
        kept: SourceText(
            path: "Sources/Platform/A/A.swift",
            String(repeating: "\n", count: fileLinesMax)
        )
    ) { file in
        guard file.lineCount > fileLinesMax else { return [] }
        return [Finding(path: file.path, line: 1, what: "\(file.lineCount) lines")]
    }

    static let functionLength = Rule(
        name: "long-function",
        sentence: "Take a part with a name out of the function: it is over 70 lines.",
        reach: .sources,
        broken: SourceText(
            path: "Sources/Platform/A/A.swift",
            "protocol P {\n    func a()\n    init(b: Int)\n}\nfunc c(d: () -> Void = {}) {"
                + String(repeating: "\n", count: functionLinesMax) + "}\n"
        ),
        kept: SourceText(
            path: "Sources/Platform/A/A.swift",
            "protocol P {\n    func a()\n}\nstruct S {" + String(repeating: "\n", count: 80)
                + "    func c() {" + String(repeating: "\n", count: functionLinesMax - 1) + "}\n}\n"
        )
    ) { file in
        FunctionFinder.functions(in: file.code).compactMap { start, body in
            let lines = file.line(at: body.upperBound) - file.line(at: start) + 1
            guard lines > functionLinesMax else { return nil }
            return file.finding(at: start, "\(lines) lines: \(file.finding(at: start).what)")
        }
    }
}

/// Finds functions and their bodies in code whose comments and strings are blanked out.
enum FunctionFinder {
    /// The offset of each `func`, `init` and `deinit` that has a body, with that body.
    static func functions(in code: [UInt8]) -> [(start: Int, body: ClosedRange<Int>)] {
        let starts = ["func", "init", "deinit"].flatMap { code.offsets(ofWhole: $0) }.sorted()
        return starts.compactMap { start in
            // `self.init(…)` and `.init(…)` are calls.
            if start > 0, code[start - 1] == UInt8(ascii: ".") { return nil }
            guard let body = body(in: code, from: start) else { return nil }
            return (start, body)
        }
    }

    /// The braces of the body that belongs to a declaration; nil for a requirement of a protocol.
    static func body(in code: [UInt8], from start: Int) -> ClosedRange<Int>? {
        var nesting = 0
        var opening: Int?
        search: for offset in start..<code.count {
            switch code[offset] {
            case UInt8(ascii: "("), UInt8(ascii: "["): nesting += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"): nesting -= 1
            case UInt8(ascii: "{") where nesting == 0:
                opening = offset
                break search
            case UInt8(ascii: "}") where nesting == 0: return nil
            case newline where nesting == 0 && startsDeclaration(code, after: offset): return nil
            default: break
            }
        }
        guard let opening else { return nil }
        var depth = 0
        for offset in opening..<code.count {
            if code[offset] == UInt8(ascii: "{") { depth += 1 }
            if code[offset] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return opening...offset }
        }
        return nil
    }

    private static func startsDeclaration(_ code: [UInt8], after offset: Int) -> Bool {
        let line = code[(offset + 1)...].prefix { $0 != newline }
        let keywords: Set<Substring> = [
            "func", "init", "var", "let", "static", "mutating", "associatedtype", "subscript",
            "package", "struct", "enum", "typealias",
        ]
        return line.words.first.map(keywords.contains) ?? false
    }
}
