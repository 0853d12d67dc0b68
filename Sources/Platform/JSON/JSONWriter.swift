import Primitives

/// Appends JSON text to a byte array, setting commas and escapes.
///
/// The caller keeps begins and ends in balance and puts a key before every member; a debug build
/// traps when `finish` finds them out of balance. Nothing is allocated besides the growing array.
package struct JSONWriter: Sendable {
    /// The text so far.
    package private(set) var bytes: [UInt8]

    private var needsComma = false
    private var depth = 0

    /// Makes a writer whose array has room for that many bytes.
    package init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Makes a writer that appends to an array which exists already.
    package init(appendingTo bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    /// Gives the finished document away.
    package consuming func finish() -> [UInt8] {
        assert(depth == 0, "every object and array that was begun must be ended")
        return bytes
    }

    /// Opens an object.
    package mutating func beginObject() { begin(UInt8(ascii: "{")) }
    /// Closes the innermost object.
    package mutating func endObject() { end(UInt8(ascii: "}")) }
    /// Opens an array.
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }
    /// Closes the innermost array.
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    /// Writes a member's name that is known at build time and holds nothing to escape.
    package mutating func key(_ name: StaticString) {
        assert(name.hasPointerRepresentation && name.description.utf8.allSatisfy(isPlain))
        separate()
        bytes.append(0x22)
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        )
        bytes.append(0x22)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a member's name.
    // Without the attribute a literal would choose this overload and be looked through for
    // characters to escape.
    @_disfavoredOverload
    package mutating func key(_ name: String) {
        separate()
        appendQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a string.
    package mutating func string(_ text: String) {
        separate()
        appendQuoted(text)
        needsComma = true
    }

    /// Writes a string given as UTF-8 bytes, which must be valid.
    package mutating func string(utf8 text: [UInt8]) {
        separate()
        text.withUnsafeBufferPointer { appendQuoted($0) }
        needsComma = true
    }

    /// Writes an integer.
    package mutating func int(_ number: Int) { int(Int64(number)) }

    /// Writes an integer.
    package mutating func int(_ number: Int64) {
        separate()
        appendDecimal(number)
        needsComma = true
    }

    /// Writes a number so that reading it gives the same bits; not a number and the infinities
    /// become `null`, because JSON has no words for them.
    package mutating func double(_ number: Double) {
        guard number.isFinite else { return null() }
        separate()
        var text = number.description
        text.withUTF8 { bytes.append(contentsOf: $0) }
        needsComma = true
    }

    /// Writes a moment as an RFC 3339 string with three fraction digits.
    package mutating func timestamp(_ moment: Timestamp) {
        separate()
        bytes.append(0x22)
        moment.append(to: &bytes)
        bytes.append(0x22)
        needsComma = true
    }

    /// Writes a boolean.
    package mutating func bool(_ flag: Bool) { word(flag ? "true" : "false") }

    /// Writes `null`.
    package mutating func null() { word("null") }

    /// Writes bytes that are one JSON value already; they are not looked at.
    package mutating func raw(_ value: [UInt8]) {
        separate()
        bytes.append(contentsOf: value)
        needsComma = true
    }

    private mutating func word(_ word: StaticString) {
        separate()
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        )
        needsComma = true
    }

    private mutating func begin(_ mark: UInt8) {
        separate()
        bytes.append(mark)
        needsComma = false
        depth += 1
    }

    private mutating func end(_ mark: UInt8) {
        depth -= 1
        assert(depth >= 0, "an object or array is ended that was not begun")
        bytes.append(mark)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func appendQuoted(_ text: String) {
        var text = text
        text.withUTF8 { appendQuoted($0) }
    }

    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        bytes.append(0x22)
        var plainStart = 0
        for at in 0..<text.count {
            let byte = text[at]
            if isPlain(byte) { continue }
            bytes.append(contentsOf: text[plainStart..<at])
            plainStart = at + 1
            appendEscape(byte)
        }
        bytes.append(contentsOf: text[plainStart...])
        bytes.append(0x22)
    }

    private mutating func appendEscape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x22, 0x5C: bytes.append(byte)
        default:
            let low = byte & 0x0F
            bytes.append(contentsOf: [0x75, 0x30, 0x30, 0x30 + (byte >> 4)])
            bytes.append(low < 10 ? 0x30 + low : 0x61 + low - 10)
        }
    }

    private mutating func appendDecimal(_ number: Int64) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = number.magnitude
        let start = bytes.count
        repeat {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }
}

private func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x22 && byte != 0x5C
}
