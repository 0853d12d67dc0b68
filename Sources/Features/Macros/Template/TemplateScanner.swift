/// Finds the references of a text; every byte is looked at a bounded number of times.
struct TemplateScanner {
    private let bytes: [UInt8]
    private(set) var parts: [TemplateText.Part] = []
    private(set) var faults: [TemplateFault] = []
    private var at = 0
    private var line = 1
    private var lineStart = 0
    /// A place in the line whose column is known, so that a long line is counted once.
    private var counted = (place: 0, column: 1)
    /// Where the text that is not in `parts` yet begins.
    private var pending = 0
    private var referenceCount = 0

    private static let root = Array(".spectro".utf8)
    private static let open = UInt8(ascii: "{")
    private static let close = UInt8(ascii: "}")
    private static let newline = UInt8(ascii: "\n")

    static let pathBytesMax = 512
    static let callsMax = 8

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    static func holdsRoot(_ bytes: [UInt8]) -> Bool {
        var at = 0
        while let brace = bytes[at...].firstIndex(of: open) {
            at = brace + 1
            if bytes[at...].prefix(while: { $0 != newline }).contains(".spectro.".utf8) {
                return true
            }
            // The rest of this line has been searched.
            at = bytes[at...].firstIndex(of: newline) ?? bytes.count
        }
        return false
    }

    mutating func run() {
        skipComment()
        while at < bytes.count {
            switch bytes[at] {
            case Self.newline:
                beginLine()
            case Self.open:
                brace()
            default:
                at += 1
            }
        }
        take(upTo: bytes.count)
    }

    private mutating func beginLine() {
        at += 1
        line += 1
        lineStart = at
        skipComment()
    }

    /// A line that is a comment is passed over.
    private mutating func skipComment() {
        let rest = bytes[at...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard rest.first == UInt8(ascii: "#") else { return }
        at = rest.firstIndex(of: Self.newline) ?? bytes.count
    }

    private mutating func take(upTo end: Int) {
        if pending < end { parts.append(.text(pending..<end)) }
        pending = end
    }

    private func byte(_ index: Int) -> UInt8? {
        index < bytes.count ? bytes[index] : nil
    }

    private func begins(_ word: [UInt8], at index: Int) -> Bool {
        bytes[min(index, bytes.count)...].starts(with: word)
    }

    private func afterBlanks(_ index: Int) -> Int {
        var index = index
        while let next = byte(index), next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") {
            index += 1
        }
        return index
    }

    private mutating func fault(_ code: String, _ message: String, at place: Int) {
        guard faults.count < TemplateText.faultsMax else { return }
        let column = column(of: place)
        faults.append(TemplateFault(code, message, line: line, column: column))
    }

    /// Asked in the order of the text.
    private mutating func column(of place: Int) -> Int {
        if counted.place < lineStart { counted = (lineStart, 1) }
        let more = bytes[counted.place..<max(place, counted.place)]
            .reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
        counted = (max(place, counted.place), counted.column + more)
        return counted.column
    }

    /// At an opening brace.
    private mutating func brace() {
        let start = at
        let first = afterBlanks(start + 1)
        if begins(Self.root + [UInt8(ascii: ".")], at: first), byte(start + 1) != Self.open {
            // `{ .spectro… }`, unless this is the second brace of a pair that was passed.
            fault("UnbalancedBraces", "A reference begins with '{{'.", at: start)
            at = first
            return
        }
        guard byte(start + 1) == Self.open else {
            at += 1
            return
        }
        var inside = start + 2
        let isTrimmed = byte(inside) == UInt8(ascii: "-")
        if isTrimmed { inside += 1 }
        inside = afterBlanks(inside)
        guard begins(Self.root, at: inside) else {
            lookForMisplaced(start)
            return
        }
        if isTrimmed {
            fault("Unsupported", "'{{-' is not supported; write '{{'.", at: start)
        }
        guard referenceCount < TemplateText.referencesMax else {
            fault(
                "TooMany",
                "A text has at most \(TemplateText.referencesMax) references.",
                at: start
            )
            at = bytes.count
            return
        }
        referenceCount += 1
        reference(start, inside)
    }

    /// Other braces are left alone, but a reference within them would never be resolved.
    private mutating func lookForMisplaced(_ start: Int) {
        at = start + 1
        // `{{{`: the pair is the inner one.
        guard byte(start + 2) != Self.open else { return }
        let rest = bytes[(start + 2)...]
            .prefix { $0 != Self.newline && $0 != Self.open && $0 != Self.close }
        at = rest.endIndex
        guard rest.contains(".spectro.".utf8) else { return }
        fault(
            "Unsupported",
            "A reference stands first in its braces: '{{ .spectro.macro.name | function }}'.",
            at: start
        )
    }

    private mutating func reference(_ start: Int, _ inside: Int) {
        var reader = TemplateReader(bytes, at: inside + Self.root.count)
        do throws(TemplateReader.Problem) {
            let target = try reader.target()
            let calls = try reader.calls()
            take(upTo: start)
            let reference = TemplateReference(
                target: target,
                calls: calls,
                line: line,
                column: column(of: start)
            )
            parts.append(.reference(reference, start..<reader.at))
            pending = reader.at
            at = reader.at
        } catch {
            fault(error.code, error.message, at: start)
            // Never back, and never past the end of the line.
            at = max(start + 2, min(reader.at, bytes.count))
        }
    }
}
