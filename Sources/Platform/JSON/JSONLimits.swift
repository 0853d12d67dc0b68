/// What a JSON document may cost before it is refused.
package struct JSONLimits: Sendable {
    /// The deepest nesting of arrays and objects; never more than 512, whatever is set, because
    /// values are walked by recursion.
    package var depthMax: Int
    /// The number of members and elements in the whole document.
    package var membersMax: Int
    /// The length of the document.
    package var bytesMax: Int
    /// The length of one number's spelling.
    package var numberBytesMax: Int

    /// Sets limits; the defaults suit a request body.
    package init(
        depthMax: Int = 64,
        membersMax: Int = 250_000,
        bytesMax: Int = 8 << 20,
        numberBytesMax: Int = 400
    ) {
        self.depthMax = min(depthMax, 512)
        self.membersMax = membersMax
        self.bytesMax = bytesMax
        self.numberBytesMax = numberBytesMax
    }
}

/// Why a text is not a JSON document that Easel takes.
package struct JSONError: Error, Hashable {
    /// Where the trouble lies, in bytes from the start.
    package let offset: Int
    /// The line, from 1.
    package let line: Int
    /// The column in characters (Unicode scalars), from 1.
    package let column: Int
    /// What is wrong, as a sentence.
    package let reason: String

    init(_ reason: String, at offset: Int, in text: UnsafeBufferPointer<UInt8>) {
        var line = 1
        var column = 1
        for byte in text.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.offset = offset
        self.line = line
        self.column = column
        self.reason = reason
    }
}

extension JSONError: CustomStringConvertible {
    /// The place and the reason in one line.
    package var description: String { "line \(line), column \(column): \(reason)" }
}
