/// A change to the bytes of a YAML text, made from the places of its nodes.
///
/// An edit may be wrong where the text is unusual; `YAMLMerge` reads the result again and
/// compares it.
struct TextEdit {
    let range: Range<Int>
    let replacement: String

    /// The text with edits that are in ascending order and do not overlap; nil otherwise.
    static func apply(_ edits: [TextEdit], to text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var at = 0
        for edit in edits {
            guard edit.range.lowerBound >= at, edit.range.upperBound <= text.count else {
                return nil
            }
            result += text[at..<edit.range.lowerBound]
            result += Array(edit.replacement.utf8)
            at = edit.range.upperBound
        }
        return result + text[at...]
    }

    /// The text without the lines of one pair; nil when other things stand on those lines.
    ///
    /// A mapping that loses its last pair becomes `{}`.
    static func removal(of keys: [String], in root: YAMLNode, _ text: [UInt8]) -> [UInt8]? {
        var mapping = root
        for (number, key) in keys.enumerated() {
            guard !mapping.isFlow, !mapping.isAlias,
                let pair = mapping.pairs?.first(where: { $0.key.text == key })
            else { return nil }
            guard number == keys.count - 1 else {
                mapping = pair.value
                continue
            }
            let start = pair.key.start.offset
            let end = contentEnd(of: pair.value, text)
            let edit: TextEdit
            if mapping.pairs?.count == 1 {
                edit = TextEdit(range: start..<max(start, end), replacement: "{}")
            } else {
                let line = lineStart(of: start, text)
                guard text[line..<start].allSatisfy({ $0 == 0x20 }) else { return nil }
                edit = TextEdit(range: line..<lineEnd(of: end, text), replacement: "")
            }
            return apply([edit], to: text)
        }
        return nil
    }

    /// The edits that merge a mapping into another; nil when a place is not fit for it.
    static func additions(
        of add: YAMLNode,
        to base: YAMLNode,
        _ text: [UInt8]
    ) -> [TextEdit]? {
        guard let pairs = base.pairs, let last = pairs.last, !base.isFlow, !base.isAlias,
            let added = add.pairs
        else { return nil }
        let column = last.key.start.column - 1
        var places: [String: Int] = [:]
        for (place, pair) in pairs.enumerated() { places[pair.key.text ?? ""] = place }
        var edits: [TextEdit] = []
        var fresh: [YAMLNode.Pair] = []
        for pair in added {
            guard let place = places[pair.key.text ?? ""] else {
                fresh.append(pair)
                continue
            }
            let old = pairs[place]
            if old.value.means(pair.value) { continue }
            if old.value.pairs?.isEmpty == false, pair.value.pairs != nil {
                guard let inner = additions(of: pair.value, to: old.value, text) else { return nil }
                edits += inner
            } else {
                guard let edit = replacement(of: old, by: pair.value, column, text) else {
                    return nil
                }
                edits.append(edit)
            }
        }
        edits.sort { $0.range.lowerBound < $1.range.lowerBound }
        if !fresh.isEmpty {
            let end = lineEnd(of: contentEnd(of: last.value, text), text)
            let gap = end > 0 && text[end - 1] != 0x0A ? "\n" : ""
            edits.append(
                TextEdit(
                    range: end..<end,
                    replacement: gap + YAMLWriter.lines(fresh, column: column)
                )
            )
        }
        return edits
    }

    /// Replaces a value; a comment behind it on its last line stays.
    private static func replacement(
        of old: YAMLNode.Pair,
        by value: YAMLNode,
        _ column: Int,
        _ text: [UInt8]
    ) -> TextEdit? {
        // The key is followed by a colon at once in nearly every text.
        let keyEnd = old.key.endOffset
        guard keyEnd < text.count, text[keyEnd] == UInt8(ascii: ":") else { return nil }
        let end = contentEnd(of: old.value, text)
        guard end > keyEnd else { return nil }
        return TextEdit(
            range: (keyEnd + 1)..<end,
            replacement: YAMLWriter.afterColon(value, column: column)
        )
    }

    /// Where a node's last character stands; libyaml lets a block reach up to the next token.
    private static func contentEnd(of node: YAMLNode, _ text: [UInt8]) -> Int {
        var end = min(node.endOffset, text.count)
        if !node.isFlow, !node.isAlias {
            if let last = node.pairs?.last?.value ?? node.elements?.last {
                return contentEnd(of: last, text)
            }
        }
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D }
        while end > node.start.offset, isBlank(text[end - 1]) { end -= 1 }
        return end
    }

    private static func lineStart(of offset: Int, _ text: [UInt8]) -> Int {
        text[..<offset].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    }

    /// Behind the line break that follows, or the end of the text.
    private static func lineEnd(of offset: Int, _ text: [UInt8]) -> Int {
        text[offset...].firstIndex(of: 0x0A).map { $0 + 1 } ?? text.count
    }
}
