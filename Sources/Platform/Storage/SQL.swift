/// The text of one SQL statement, made of literals of the program and nothing else.
///
/// Write it as a literal, or join literals with `+`; there is no way in for any other text.
/// Parameters are `$1` to `$n`, may be repeated and stand in any order.
package struct SQL: Sendable, ExpressibleByStringLiteral {
    private let first: StaticString
    private let rest: [StaticString]

    /// The statement of this literal.
    package init(stringLiteral text: StaticString) {
        self.init(first: text, rest: [])
    }

    private init(first: StaticString, rest: [StaticString]) {
        self.first = first
        self.rest = rest
    }

    /// The texts one after the other, with nothing between them.
    package static func + (left: SQL, right: SQL) -> SQL {
        SQL(first: left.first, rest: left.rest + [right.first] + right.rest)
    }

    /// The texts with a separator between them; nil for no text at all.
    package static func joined(_ texts: [SQL], separator: SQL) -> SQL? {
        guard var result = texts.first else { return nil }
        for text in texts.dropFirst() { result = result + separator + text }
        return result
    }

    /// The text.
    package var text: String {
        rest.reduce(into: first.description) { $0 += $1.description }
    }

    /// What finds a prepared statement again without looking at the text: where its literals lie.
    struct Key: Hashable {
        let first: UInt
        let rest: [UInt]
    }

    var key: Key {
        Key(first: Self.place(first), rest: rest.isEmpty ? [] : rest.map(Self.place))
    }

    private static func place(_ literal: StaticString) -> UInt {
        // A literal of one character may be kept as that character instead of as an address; no
        // address is as small as a character.
        literal.hasPointerRepresentation
            ? UInt(bitPattern: literal.utf8Start) : UInt(literal.unicodeScalar.value)
    }
}
