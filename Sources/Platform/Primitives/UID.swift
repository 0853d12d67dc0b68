import Synchronization

/// The identifier of a resource that the server made: 24 lower-case hexadecimal digits.
///
/// Ordered by time of creation: four bytes of unix seconds, five random bytes of this process,
/// three bytes of a counter. Not a secret: the next one can be guessed.
package struct UID: Sendable, Hashable, Comparable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt32

    /// Makes an identifier that no other call anywhere returns.
    ///
    /// Identifiers of one second are ordered as they were made, save when the counter wraps round
    /// (once in sixteen million). Times outside of 1970 to 2106 are taken as the nearest of those.
    package static func make(at moment: Timestamp = .now()) -> UID {
        let seconds = UInt64(min(max(moment.seconds, 0), Int64(UInt32.max)))
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue & 0xFF_FFFF
        return UID(
            high: seconds << 32 | processBits >> 8,
            low: UInt32(truncatingIfNeeded: processBits & 0xFF) << 24 | number
        )
    }

    /// Reads the 24 digits; nil for anything else, upper-case digits included.
    package init?(_ text: String) {
        self.init(text.utf8.span)
    }

    /// Reads the 24 digits from their bytes; nil for anything else, upper-case digits included.
    package init?(_ digits: Span<UInt8>) {
        guard digits.count == Self.textLength else { return nil }
        var high: UInt64 = 0
        var low: UInt32 = 0
        for index in 0..<Self.textLength {
            let digit = digits[index]
            guard !(0x41...0x46 ~= digit), let value = Hex.value(digit) else { return nil }
            if index < 16 {
                high = high << 4 | UInt64(value)
            } else {
                low = low << 4 | UInt32(value)
            }
        }
        self.high = high
        self.low = low
    }

    private init(high: UInt64, low: UInt32) {
        self.high = high
        self.low = low
    }

    /// The 24 digits.
    package var text: String {
        String(unsafeUninitializedCapacity: Self.textLength) { buffer in
            writeText(into: buffer)
            return Self.textLength
        }
    }

    /// Appends the 24 digits to bytes without making a String.
    package func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.textLength) { buffer in
            writeText(into: buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    /// The 24 digits, for messages.
    package var description: String { text }

    /// Bytes of ``text``; always the same.
    package static let textLength = 24

    /// Orders by time of creation; the same order as that of the texts.
    package static func < (left: UID, right: UID) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }

    private func writeText(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        for index in 0..<Self.textLength {
            let nibble =
                index < 16
                ? UInt8(truncatingIfNeeded: high >> UInt64(60 - index * 4))
                : UInt8(truncatingIfNeeded: low >> UInt32(28 - (index - 16) * 4))
            buffer[index] = Hex.digit(nibble & 15)
        }
    }

    private static let processBits = RandomBytes.number() & 0xFF_FFFF_FFFF

    // Starts low enough that a wrap, which would break the order within its second, is far away.
    private static let counter = Atomic<UInt32>(
        UInt32(truncatingIfNeeded: RandomBytes.number() & 0x3F_FFFF)
    )
}
