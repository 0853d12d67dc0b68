// Strings: one pass finds the end eight bytes at a time; only a string with an escape is copied
// piece by piece.
extension JSONReader {
    mutating func string() throws(JSONError) -> String {
        let opening = at
        at += 1
        let start = at
        let isASCII = skipPlain()
        if at < count, base[at] == UInt8(ascii: "\"") {
            let piece = UnsafeBufferPointer(start: base + start, count: at - start)
            at += 1
            // Three times as quick as the validating initialiser, which is not specialised.
            if isASCII { return String(decoding: piece, as: UTF8.self) }
            return try text(piece, opening)
        }
        return try stringWithEscapes(opening: opening, start: start)
    }

    /// Moves to the next quote, backslash or control character, or to the end of the text.
    ///
    /// - Returns: whether all bytes passed are ASCII.
    @discardableResult
    private mutating func skipPlain() -> Bool {
        var passed: UInt64 = 0
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        while count - at >= 8 {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)
            )
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            // Each term marks the high bit of a byte that matches. A borrow can mark a byte
            // falsely only above a true match, and we take the lowest mark.
            let found =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash
                    | (word &- ones &* 0x20) & ~word) & high
            if found != 0 {
                at += found.trailingZeroBitCount / 8
                // The bits below the lowest mark are those of the bytes before the match.
                passed |= word & ((found & (0 &- found)) &- 1)
                return passed & high == 0
            }
            passed |= word
            at += 8
        }
        while at < count {
            let byte = base[at]
            if byte == 0x22 || byte == 0x5C || byte < 0x20 { break }
            passed |= UInt64(byte)
            at += 1
        }
        return passed & high == 0
    }

    private mutating func stringWithEscapes(
        opening: Int,
        start: Int
    ) throws(JSONError) -> String {
        var bytes = Array(UnsafeBufferPointer(start: base + start, count: at - start))
        while true {
            guard at < count else { throw failure("This string has no end.", at: opening) }
            switch base[at] {
            case UInt8(ascii: "\""):
                at += 1
                return try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
                    try text(buffer, opening)
                }
            case UInt8(ascii: "\\"):
                try escape(into: &bytes)
            default:
                throw failure(
                    "A control character in a string must be written as an escape, such as \\n."
                )
            }
            let piece = at
            skipPlain()
            bytes.append(
                contentsOf: UnsafeBufferPointer(start: base + piece, count: at - piece)
            )
        }
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
        guard count - at >= 2 else { throw failure("The document ends inside a string.") }
        let letter = base[at + 1]
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            bytes.append(contentsOf: String(try unicodeEscape()).utf8)
            return
        default: throw failure("After a backslash only \" \\ / b f n r t u may stand.")
        }
        at += 2
    }

    /// Reads `\uXXXX`, or two of them that are a surrogate pair.
    private mutating func unicodeEscape() throws(JSONError) -> Character {
        let start = at
        let first = try hexUnit()
        var code = UInt32(first)
        if first & 0xFC00 == 0xD800, count - at >= 6, base[at] == UInt8(ascii: "\\"),
            base[at + 1] == UInt8(ascii: "u")
        {
            let second = try hexUnit()
            if second & 0xFC00 == 0xDC00 {
                code = 0x10000 + (code & 0x3FF) << 10 + UInt32(second & 0x3FF)
            }
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw failure("This escape is half a surrogate pair.", at: start)
        }
        return Character(scalar)
    }

    private mutating func hexUnit() throws(JSONError) -> UInt16 {
        guard count - at >= 6 else { throw failure("The document ends inside an escape.") }
        var unit: UInt16 = 0
        for offset in 2..<6 {
            let digit: UInt8
            switch base[at + offset] {
            case let byte where byte >= 0x30 && byte <= 0x39: digit = byte - 0x30
            case let byte where byte >= 0x41 && byte <= 0x46: digit = byte - 0x41 + 10
            case let byte where byte >= 0x61 && byte <= 0x66: digit = byte - 0x61 + 10
            default: throw failure("\\u should be followed by four hexadecimal digits.")
            }
            unit = unit << 4 | UInt16(digit)
        }
        at += 6
        return unit
    }

    private func text(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ opening: Int
    ) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw failure("This string is not valid UTF-8.", at: opening)
        }
        return text
    }
}
