import CSQLite
import Primitives

/// One row of a result, readable only while it is handed out.
///
/// Columns count from 0. What is null, or past the last column, reads as 0, as the empty text and
/// as no bytes; ask for an optional where null means something.
package struct Row: ~Copyable {
    let statement: OpaquePointer

    /// A text.
    package func text(_ column: Int) -> String {
        withBuffer(column) { String(decoding: $0, as: UTF8.self) }
    }

    /// A number.
    package func int(_ column: Int) -> Int64 {
        sqlite3_column_int64(statement, Int32(truncatingIfNeeded: column))
    }

    /// A flag: whether the number is not 0.
    package func bool(_ column: Int) -> Bool {
        int(column) != 0
    }

    /// Whether the column is null.
    package func isNull(_ column: Int) -> Bool {
        sqlite3_column_type(statement, Int32(truncatingIfNeeded: column)) == SQLITE_NULL
    }

    /// A text, or nil for null.
    package func optionalText(_ column: Int) -> String? {
        isNull(column) ? nil : text(column)
    }

    /// A number, or nil for null.
    package func optionalInt(_ column: Int) -> Int64? {
        isNull(column) ? nil : int(column)
    }

    /// The bytes of a blob, or those of a text in UTF-8.
    package func bytes(_ column: Int) -> [UInt8] {
        withBuffer(column) { Array($0) }
    }

    /// The bytes of a blob or text, or nil for null.
    package func optionalBytes(_ column: Int) -> [UInt8]? {
        isNull(column) ? nil : bytes(column)
    }

    /// A moment kept as milliseconds.
    package func timestamp(_ column: Int) -> Timestamp {
        Timestamp(milliseconds: int(column))
    }

    /// A moment kept as milliseconds, or nil for null.
    package func optionalTimestamp(_ column: Int) -> Timestamp? {
        isNull(column) ? nil : timestamp(column)
    }

    /// Lends the bytes of a blob or text without copying them.
    package func withBytes<R>(_ column: Int, _ body: (Span<UInt8>) throws -> R) rethrows -> R {
        try withBuffer(column) { try body($0.span) }
    }

    private func withBuffer<R>(
        _ column: Int,
        _ body: (UnsafeBufferPointer<UInt8>) throws -> R
    ) rethrows -> R {
        let column = Int32(truncatingIfNeeded: column)
        // The blob call hands out texts as they lie in the page; the text call would copy them to
        // put a zero behind. It comes first, as it may convert what the second one measures.
        let start = sqlite3_column_blob(statement, column)?.assumingMemoryBound(to: UInt8.self)
        let count = Int(sqlite3_column_bytes(statement, column))
        return try body(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count))
    }
}
