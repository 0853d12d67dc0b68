import Glibc

extension [UInt8] {
    /// The offsets at which a word stands, overlapping ones left out.
    func offsets(of word: String) -> [Int] {
        let needle = Array(word.utf8)
        guard let first = needle.first else { return [] }
        return withUnsafeBytes { text in
            guard let base = text.baseAddress else { return [] }
            var found: [Int] = []
            var start = 0
            // memchr, because a loop over bytes is slow in a debug build.
            while start + needle.count <= text.count,
                let hit = memchr(base + start, Int32(first), text.count - start)
            {
                let offset = UnsafeRawPointer(hit) - base
                let fits = offset + needle.count <= text.count
                let isWord = fits && memcmp(hit, needle, needle.count) == 0
                if isWord { found.append(offset) }
                start = offset + (isWord ? needle.count : 1)
            }
            return found
        }
    }

    /// The offsets at which a word stands with no letter, digit or underscore on either side.
    func offsets(ofWhole word: String) -> [Int] {
        offsets(of: word).filter { offset in
            let end = offset + word.utf8.count
            return !(offset > 0 && self[offset - 1].isIdentifierPart)
                && !(end < count && self[end].isIdentifierPart)
        }
    }
}

extension UInt8 {
    /// Whether the byte may stand in an identifier; every byte of a non-ASCII character may.
    var isIdentifierPart: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    /// Whether the byte is a blank, a tab or a line break.
    var isBlank: Bool { self == space || self == newline || self == 9 || self == 13 }
}

extension ArraySlice<UInt8> {
    /// The text without blanks at its ends.
    var trimmed: String {
        String(decoding: drop(while: \.isBlank), as: UTF8.self)
            .reversed().drop { $0 == " " || $0 == "\t" }.reversed()
            .reduce(into: "") { $0.append($1) }
    }

    /// The words of the text: runs of identifier characters.
    var words: [Substring] {
        String(decoding: self, as: UTF8.self)
            .split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}
