import Primitives

/// A value bound to a parameter of a statement.
package enum Parameter: Sendable, Hashable {
    case text(String)
    case int(Int64)
    case bytes([UInt8])
    case null

    /// A flag, as 0 or 1.
    package static func bool(_ value: Bool) -> Parameter {
        .int(value ? 1 : 0)
    }

    /// A moment, as its milliseconds.
    package static func timestamp(_ value: Timestamp) -> Parameter {
        .int(value.milliseconds)
    }

    /// An identifier, as its text.
    package static func uid(_ value: UID) -> Parameter {
        .text(value.text)
    }

    /// A text, or null.
    package static func optionalText(_ value: String?) -> Parameter {
        value.map { .text($0) } ?? .null
    }

    /// A number, or null.
    package static func optionalInt(_ value: Int64?) -> Parameter {
        value.map { .int($0) } ?? .null
    }

    /// Bytes, or null.
    package static func optionalBytes(_ value: [UInt8]?) -> Parameter {
        value.map { .bytes($0) } ?? .null
    }

    /// A moment as its milliseconds, or null.
    package static func optionalTimestamp(_ value: Timestamp?) -> Parameter {
        value.map { .int($0.milliseconds) } ?? .null
    }

    /// An identifier as its text, or null.
    package static func optionalUID(_ value: UID?) -> Parameter {
        value.map { .text($0.text) } ?? .null
    }

    /// A number of any width that fits.
    package static func int(_ value: Int) -> Parameter {
        .int(Int64(value))
    }
}

extension Parameter: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    /// The text of a literal.
    package init(stringLiteral value: String) {
        self = .text(value)
    }

    /// The number of a literal.
    package init(integerLiteral value: Int64) {
        self = .int(value)
    }

    /// 0 or 1.
    package init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    /// Null.
    package init(nilLiteral: ()) {
        self = .null
    }
}
