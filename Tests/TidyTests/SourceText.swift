/// A text file of the repository, split for the rules that look at one part of Swift source only.
struct SourceText: Sendable {
    /// The path from the root of the repository, with forward slashes.
    let path: String
    /// The whole text.
    let bytes: [UInt8]
    /// The text with comments and the insides of string literals blanked out.
    let code: [UInt8]
    /// The text with everything but the insides of string literals blanked out.
    let strings: [UInt8]
    /// The offset at which each line starts.
    let lineStarts: [Int]

    /// Splits a text; `code` and `strings` have the length and the line breaks of the text.
    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        lineStarts = bytes.indices.reduce(into: [0]) { starts, index in
            if bytes[index] == newline { starts.append(index + 1) }
        }
        guard path.hasSuffix(".swift") else {
            code = []
            strings = []
            return
        }
        var splitter = SwiftSplitter(bytes)
        splitter.run()
        code = splitter.code
        strings = splitter.strings
    }

    init(path: String, _ text: String) {
        self.init(path: path, bytes: Array(text.utf8))
    }

    /// The folder names and the file name.
    var components: [Substring] { path.split(separator: "/") }

    /// The last part of the path.
    var name: Substring { components.last ?? "" }

    /// The number of lines, without the empty one after a final line break.
    var lineCount: Int { bytes.last == newline ? lineStarts.count - 1 : lineStarts.count }

    /// The line, counted from 1, that holds an offset.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    /// One line, counted from 1, of a text that has this file's line breaks; without the break.
    func line(_ number: Int, of text: [UInt8]) -> ArraySlice<UInt8> {
        let start = lineStarts[number - 1]
        let end = number < lineStarts.count ? lineStarts[number] - 1 : text.count
        return text[start..<end]
    }
}

/// Tells code, comments and string literals of Swift apart, byte by byte.
///
/// It knows nested comments, raw and multi-line strings, interpolation and raw identifiers. It does
/// not know regex literals: a quotation mark in one confuses the rest of the file.
private struct SwiftSplitter {
    private enum Mode {
        /// Code; inside an interpolation, `depth` counts the parentheses still open.
        case code(depth: Int)
        case string(pounds: Int, isMultiline: Bool)
    }

    private let bytes: [UInt8]
    private var position = 0
    private var modes = [Mode.code(depth: 0)]
    var code: [UInt8]
    var strings: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let blank = bytes.map { $0 == newline ? newline : space }
        code = blank
        strings = blank
    }

    mutating func run() {
        while position < bytes.count {
            switch modes[modes.count - 1] {
            case .code(let depth): stepInCode(depth: depth)
            case .string(let pounds, let isMultiline):
                stepInString(pounds: pounds, isMultiline: isMultiline)
            }
        }
    }

    private func byte(_ offset: Int) -> UInt8 {
        position + offset < bytes.count ? bytes[position + offset] : 0
    }

    private mutating func stepInCode(depth: Int) {
        let current = bytes[position]
        switch current {
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "/"):
            while position < bytes.count, bytes[position] != newline { position += 1 }
            return
        case UInt8(ascii: "/") where byte(1) == UInt8(ascii: "*"):
            skipBlockComment()
            return
        case UInt8(ascii: "`"):
            skipRawIdentifier()
            return
        case UInt8(ascii: "\""), UInt8(ascii: "#"):
            if enterString() { return }
        case UInt8(ascii: "("):
            modes[modes.count - 1] = .code(depth: depth + 1)
        case UInt8(ascii: ")") where depth == 1 && modes.count > 1:
            modes.removeLast()
        case UInt8(ascii: ")"):
            modes[modes.count - 1] = .code(depth: max(0, depth - 1))
        default:
            break
        }
        code[position] = current
        position += 1
    }

    private mutating func skipBlockComment() {
        var depth = 0
        while position < bytes.count {
            if byte(0) == UInt8(ascii: "/"), byte(1) == UInt8(ascii: "*") {
                depth += 1
                position += 2
            } else if byte(0) == UInt8(ascii: "*"), byte(1) == UInt8(ascii: "/") {
                depth -= 1
                position += 2
                if depth == 0 { return }
            } else {
                position += 1
            }
        }
    }

    private mutating func skipRawIdentifier() {
        repeat {
            code[position] = UInt8(ascii: "_")
            position += 1
        } while position < bytes.count && bytes[position] != UInt8(ascii: "`")
            && bytes[position] != newline
        position += 1
    }

    /// Enters a string literal if one starts here; the quotation marks stay in `code`.
    private mutating func enterString() -> Bool {
        var pounds = 0
        while byte(pounds) == UInt8(ascii: "#") { pounds += 1 }
        guard byte(pounds) == UInt8(ascii: "\"") else { return false }
        let isMultiline =
            byte(pounds + 1) == UInt8(ascii: "\"") && byte(pounds + 2) == UInt8(ascii: "\"")
        modes.append(.string(pounds: pounds, isMultiline: isMultiline))
        keepInCode(pounds + (isMultiline ? 3 : 1))
        return true
    }

    private mutating func stepInString(pounds: Int, isMultiline: Bool) {
        let current = bytes[position]
        if current == UInt8(ascii: "\\"), hasPounds(pounds, after: 1) {
            if byte(1 + pounds) == UInt8(ascii: "(") {
                position += 2 + pounds
                modes.append(.code(depth: 1))
            } else {
                position += 2 + pounds
            }
            return
        }
        let quotes = isMultiline ? 3 : 1
        let closes = (0..<quotes).allSatisfy { byte($0) == UInt8(ascii: "\"") }
        // A line break ends a plain literal: the source would not compile, but the scan goes on.
        if (closes && hasPounds(pounds, after: quotes)) || (current == newline && !isMultiline) {
            modes.removeLast()
            keepInCode(current == newline ? 1 : quotes + pounds)
            return
        }
        strings[position] = current
        position += 1
    }

    private func hasPounds(_ count: Int, after offset: Int) -> Bool {
        (0..<count).allSatisfy { byte(offset + $0) == UInt8(ascii: "#") }
    }

    private mutating func keepInCode(_ count: Int) {
        for _ in 0..<count where position < bytes.count {
            code[position] = bytes[position]
            position += 1
        }
    }
}

let newline = UInt8(ascii: "\n")
let space = UInt8(ascii: " ")
