/// The parts of a pattern.
indirect enum TextPatternNode: Sendable {
    case scalar(ScalarSet)
    case assertion(TextPattern.Assertion)
    case sequence([TextPatternNode])
    case choice([TextPatternNode])
    /// So many times at least and at most; nil for any number.
    case repetition(TextPatternNode, Int, Int?)
}

/// Reads a pattern from left to right; every function gives nil where the text is none.
struct TextPatternParser {
    private struct Flags {
        var ignoresCase = false
        var isMultiline = false
        var dotTakesNewline = false
    }

    private let text: [Unicode.Scalar]
    private var place = 0
    private var flags = Flags()
    private var depth = 0

    init(_ pattern: String) { text = Array(pattern.unicodeScalars) }

    private var next: Unicode.Scalar? { place < text.count ? text[place] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        place += 1
        return true
    }

    private mutating func take(_ word: String) -> Bool {
        let scalars = Array(word.unicodeScalars)
        guard text[place...].starts(with: scalars) else { return false }
        place += scalars.count
        return true
    }

    private mutating func takeAny() -> Unicode.Scalar? {
        guard let scalar = next else { return nil }
        place += 1
        return scalar
    }

    /// The whole pattern.
    mutating func pattern() -> TextPatternNode? {
        guard let node = choice(), next == nil else { return nil }
        return node
    }

    private mutating func choice() -> TextPatternNode? {
        guard depth < TextPattern.depthMax else { return nil }
        depth += 1
        let outer = flags
        defer {
            depth -= 1
            flags = outer
        }
        var parts: [TextPatternNode] = []
        repeat {
            guard let part = sequence() else { return nil }
            parts.append(part)
        } while take("|")
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() -> TextPatternNode? {
        var parts: [TextPatternNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            let outer = flags
            if take("(?"), !isNamedOrPlainGroup() {
                guard let isGroup = readFlags() else { return nil }
                guard isGroup else { continue }
                let group = choice()
                flags = outer
                guard let group, take(")") else { return nil }
                guard let part = repeated(group) else { return nil }
                parts.append(part)
                continue
            }
            guard let part = atom(), let whole = repeated(part) else { return nil }
            parts.append(whole)
        }
        return .sequence(parts)
    }

    /// Whether `(?` begins `(?:`, `(?P<name>` or `(?<name>`; then it is gone back to.
    private mutating func isNamedOrPlainGroup() -> Bool {
        guard next == ":" || next == "P" || next == "<" else { return false }
        place -= 2
        return true
    }

    /// The flags behind `(?`, up to `)`, or to `:` when they are of a group alone.
    ///
    /// - Returns: whether a group follows.
    private mutating func readFlags() -> Bool? {
        var value = true
        while let scalar = takeAny() {
            switch scalar {
            case "-": value = false
            case "i": flags.ignoresCase = value
            case "m": flags.isMultiline = value
            case "s": flags.dotTakesNewline = value
            case "U": break
            case ")": return false
            case ":": return true
            default: return nil
            }
        }
        return nil
    }

    private mutating func repeated(_ atom: TextPatternNode) -> TextPatternNode? {
        var node = atom
        while let scalar = next {
            switch scalar {
            case "*": node = .repetition(node, 0, nil)
            case "+": node = .repetition(node, 1, nil)
            case "?": node = .repetition(node, 0, 1)
            case "{":
                guard let (least, most) = counts() else { return node }
                guard least <= 1000, (most ?? least) <= 1000, least <= most ?? least else {
                    return nil
                }
                node = .repetition(node, least, most)
                _ = take("?")
                continue
            default: return node
            }
            place += 1
            // How much a repetition takes does not change whether there is a match.
            _ = take("?")
            // `a**` and `a+*` are no patterns to RE2.
            if let after = next, "*+?".unicodeScalars.contains(after) { return nil }
        }
        return node
    }

    /// The numbers of `{2}`, `{2,}` or `{2,5}`; nil, and nothing taken, where a brace is text.
    private mutating func counts() -> (Int, Int?)? {
        let start = place
        place += 1
        guard let least = number() else {
            place = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            place = start
            return nil
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let digits = text[place...].prefix { ScalarSet.digit.contains($0) }
        guard (1...4).contains(digits.count) else { return nil }
        place += digits.count
        return digits.reduce(0) { $0 * 10 + Int($1.value) - 0x30 }
    }

    private mutating func atom() -> TextPatternNode? {
        guard let scalar = takeAny() else { return nil }
        switch scalar {
        case "(": return group()
        case "[": return brackets().map(self.node)
        case ".":
            return .scalar(ScalarSet(flags.dotTakesNewline ? [] : [0x0A...0x0A], isInverted: true))
        case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
        case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
        case "*", "+", "?", ")": return nil
        case "\\": return escape()
        default: return node(ScalarSet(scalar))
        }
    }

    private func node(_ set: ScalarSet) -> TextPatternNode {
        .scalar(flags.ignoresCase ? set.ignoringCase : set)
    }

    private mutating func group() -> TextPatternNode? {
        if take("?:") {
        } else if take("?P<") || take("?<") {
            while let scalar = takeAny(), scalar != ">" {
                guard ScalarSet.word.contains(scalar) else { return nil }
            }
        } else if next == "?" {
            return nil
        }
        guard let node = choice(), take(")") else { return nil }
        return node
    }

    private mutating func escape() -> TextPatternNode? {
        switch next {
        case "A": return assertion(.textStart)
        case "z": return assertion(.textEnd)
        case "b": return assertion(.wordBoundary)
        case "B": return assertion(.noWordBoundary)
        default: return escapedSet().map(node)
        }
    }

    private mutating func assertion(_ assertion: TextPattern.Assertion) -> TextPatternNode {
        place += 1
        return .assertion(assertion)
    }

    /// What stands behind a backslash, in brackets and outside.
    private mutating func escapedSet() -> ScalarSet? {
        guard let scalar = takeAny() else { return nil }
        switch scalar {
        case "d": return .digit
        case "w": return .word
        case "s": return .space
        case "D": return ScalarSet(ScalarSet.digit.complement)
        case "W": return ScalarSet(ScalarSet.word.complement)
        case "S": return ScalarSet(ScalarSet.space.complement)
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "t": return ScalarSet("\t")
        case "f": return ScalarSet("\u{0C}")
        case "v": return ScalarSet("\u{0B}")
        case "a": return ScalarSet("\u{07}")
        case "x": return hexadecimal()
        default:
            // Letters and digits mean something else, or nothing.
            return ScalarSet.word.contains(scalar) && scalar != "_" ? nil : ScalarSet(scalar)
        }
    }

    private mutating func hexadecimal() -> ScalarSet? {
        let isBraced = take("{")
        let digits = text[place...].prefix(isBraced ? 6 : 2).prefix {
            $0.properties.isASCIIHexDigit
        }
        guard isBraced ? !digits.isEmpty : digits.count == 2 else { return nil }
        place += digits.count
        if isBraced, !take("}") { return nil }
        var word = ""
        word.unicodeScalars.append(contentsOf: digits)
        return UInt32(word, radix: 16).flatMap(Unicode.Scalar.init).map { ScalarSet($0) }
    }

    /// The set behind `[`, its closing bracket taken.
    private mutating func brackets() -> ScalarSet? {
        let isInverted = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var isFirst = true
        while let scalar = takeAny() {
            if scalar == "]", !isFirst { return ScalarSet(ranges, isInverted: isInverted) }
            isFirst = false
            if scalar == "[", next == ":" {
                guard let named = namedRanges() else { return nil }
                ranges += named
                continue
            }
            let set = scalar == "\\" ? escapedSet() : ScalarSet(scalar)
            guard let set else { return nil }
            guard next == "-", place + 1 < text.count, text[place + 1] != "]" else {
                ranges += set.ranges
                continue
            }
            place += 1
            guard let last = takeAny() else { return nil }
            let end = last == "\\" ? escapedSet() : ScalarSet(last)
            guard let low = Self.single(set), let high = end.flatMap(Self.single), low <= high
            else { return nil }
            ranges.append(low...high)
        }
        return nil
    }

    private static func single(_ set: ScalarSet) -> UInt32? {
        guard set.ranges.count == 1, set.ranges[0].count == 1 else { return nil }
        return set.ranges[0].lowerBound
    }

    private static let named: [(String, [ClosedRange<UInt32>])] = [
        (":alnum:]", [0x30...0x39, 0x41...0x5A, 0x61...0x7A]),
        (":alpha:]", [0x41...0x5A, 0x61...0x7A]),
        (":digit:]", [0x30...0x39]),
        (":lower:]", [0x61...0x7A]),
        (":upper:]", [0x41...0x5A]),
        (":space:]", [0x09...0x0D, 0x20...0x20]),
        (":blank:]", [0x09...0x09, 0x20...0x20]),
        (":punct:]", [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]),
        (":print:]", [0x20...0x7E]),
        (":graph:]", [0x21...0x7E]),
        (":word:]", [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]),
        (":xdigit:]", [0x30...0x39, 0x41...0x46, 0x61...0x66]),
    ]

    private mutating func namedRanges() -> [ClosedRange<UInt32>]? {
        for (name, ranges) in Self.named where take(name) { return ranges }
        return nil
    }
}
