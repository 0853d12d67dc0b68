/// A JSON document held in memory (RFC 8259).
///
/// Numbers written without fraction and exponent are `int`, all others `double`, so that a 64-bit
/// number survives a round trip. The two never compare equal, even for `1` and `1.0`.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Whether the value is `null`.
    package var isNull: Bool { self == .null }

    /// The text of a string, else nil.
    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// The number when it is an integer, else nil; `1.0` is not one.
    package var integer: Int64? {
        guard case .int(let number) = self else { return nil }
        return number
    }

    /// The number, whether written as an integer or with a fraction, else nil.
    package var number: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    /// The truth value, else nil.
    package var flag: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    /// The elements of an array, else nil.
    package var elements: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The members of an object, else nil.
    package var members: JSONObject? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    /// The member of that name, nil when there is none or the value is no object.
    package subscript(_ key: String) -> JSONValue? { members?[key] }

    /// The element at that position, nil when there is none or the value is no array.
    package subscript(_ index: Int) -> JSONValue? {
        guard let elements, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// The kind of the value with its article, for messages.
    package var kindWithArticle: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Makes `null`.
    package init(nilLiteral: ()) { self = .null }
    /// Makes a boolean.
    package init(booleanLiteral flag: Bool) { self = .bool(flag) }
    /// Makes an integer.
    package init(integerLiteral number: Int64) { self = .int(number) }
    /// Makes a number with a fraction.
    package init(floatLiteral number: Double) { self = .double(number) }
    /// Makes a string.
    package init(stringLiteral text: String) { self = .string(text) }
    /// Makes an array.
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Makes an object with its members in the order written; of equal names the last one wins.
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(JSONObject(members))
    }
}
