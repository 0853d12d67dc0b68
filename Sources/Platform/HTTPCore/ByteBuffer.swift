import Glibc

/// Bytes on their way in or out: appended at the end, consumed from the front.
///
/// A class over raw memory, because it changes hands between a connection and its loop's pool
/// without copying, and an answer is put together from a dozen pieces. Belongs to one loop.
package final class ByteBuffer {
    private var base: UnsafeMutablePointer<UInt8>
    /// How many bytes fit without growing.
    package private(set) var capacity: Int
    private var start = 0
    private var end = 0

    /// Makes an empty buffer for this many bytes.
    package init(capacity: Int) {
        self.capacity = max(capacity, 64)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// How many bytes are held.
    package var count: Int { end - start }
    /// Whether nothing is held.
    package var isEmpty: Bool { start == end }

    /// The bytes held.
    ///
    /// Valid until the next change; `.span` makes it a span.
    package var readable: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + start, count: end - start)
    }

    /// Drops this many bytes from the front; at most `count`.
    package func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "Consumed more than there is.")
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Drops this many bytes from the end; at most `count`.
    package func removeLast(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "Removed more than there is.")
        end -= count
    }

    /// Drops everything and keeps the memory.
    package func removeAll() {
        start = 0
        end = 0
    }

    /// Makes room for this many bytes behind those held.
    package func reserve(_ room: Int) {
        guard capacity - end < room else { return }
        let held = count
        if capacity - held >= room && start >= held {
            memcpy(base, base + start, held)
        } else {
            let grown = max(capacity * 2, held + room)
            let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
            if held > 0 { memcpy(moved, base + start, held) }
            base.deallocate()
            base = moved
            capacity = grown
        }
        start = 0
        end = held
    }

    /// The room behind the bytes held, for a read; `commit` says how much of it was filled.
    package func writable(atLeast room: Int) -> UnsafeMutableRawBufferPointer {
        reserve(room)
        return UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end)
    }

    /// Takes over what was written into `writable`.
    package func commit(_ count: Int) {
        precondition(count >= 0 && count <= capacity - end, "Committed more than there was room.")
        end += count
    }

    /// Appends one byte.
    package func append(_ byte: UInt8) {
        reserve(1)
        base[end] = byte
        end += 1
    }

    /// Appends a copy of the bytes.
    package func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        reserve(bytes.count)
        memcpy(base + end, source, bytes.count)
        end += bytes.count
    }

    /// Appends a copy of the bytes.
    package func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends text that stands in the program.
    package func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the text's UTF-8.
    package func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends a number that is not negative, in decimal.
    package func append(decimal number: Int) {
        reserve(20)
        var rest = UInt(max(number, 0))
        var digits = 1
        var bound: UInt = 10
        while rest >= bound && digits < 19 {
            digits += 1
            bound *= 10
        }
        var position = end + digits
        end = position
        for _ in 0..<digits {
            position -= 1
            base[position] = UInt8(truncatingIfNeeded: 48 + rest % 10)
            rest /= 10
        }
    }

    /// Appends a number as 16 lower-case hex digits.
    package func append(hex number: UInt64) {
        reserve(16)
        for index in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * index)) & 15
            base[end + index] = nibble < 10 ? 48 + nibble : 87 + nibble
        }
        end += 16
    }
}
