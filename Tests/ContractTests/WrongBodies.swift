import APIKit
import JSON

/// One body that breaks what the document says of one property.
struct WrongBody: Sendable {
    /// The RFC 6901 pointer of what is wrong.
    let pointer: String
    /// The code of the fault that has to be reported there.
    let code: String
    let body: JSONValue
}

extension Schema {
    /// The valid body once for each documented property, with that property wrong.
    func wrongBodies(from valid: JSONValue) -> [WrongBody] {
        wrongValues(depth: 0).map { path, value, code in
            WrongBody(
                pointer: path.map { JSONPointer($0).text }.joined(), code: code,
                body: valid.replacing(path[...], with: value))
        }
    }

    /// Filters hold filters; deeper ones are no other code.
    private static let depthMax = 7

    private func wrongValues(depth: Int) -> [([String], JSONValue, String)] {
        guard depth < Self.depthMax else { return [] }
        switch self {
        case .object(let properties, _):
            return properties.sorted { $0.key < $1.key }.flatMap { name, schema in
                (schema.wrong + schema.wrongValues(depth: depth + 1)).map {
                    ([name] + $0.0, $0.1, $0.2)
                }
            }
        case .array(let item):
            return (item.wrong + item.wrongValues(depth: depth + 1)).map {
                (["0"] + $0.0, $0.1, $0.2)
            }
        default: return []
        }
    }

    /// Values that this schema itself does not take.
    private var wrong: [([String], JSONValue, String)] {
        switch self {
        case .any, .binary: []
        case .boolean: [([], "yes", "WrongType")]
        case .number: [([], "1.5", "WrongType")]
        case .time: [([], 5, "WrongType"), ([], "yesterday", "InvalidTime")]
        case .integer(let range):
            [([], "7", "WrongType"), ([], 1.5, "WrongType")] + Self.beyond(range)
        case .string(let enumeration, let bytesMax):
            [([], 12_345, "WrongType"), ([], ["a"], "WrongType")]
                + (enumeration == nil ? [] : [([], "no-such-choice", "NotAllowed")])
                + Self.tooLong(enumeration == nil ? bytesMax : nil)
        case .array: [([], "text", "WrongType"), ([], [:], "WrongType")]
        case .map: [([], [1], "WrongType"), (["k"], 1, "WrongType")]
        case .object: [([], "text", "WrongType"), ([], [1], "WrongType")]
        }
    }

    private static func tooLong(_ bytesMax: Int?) -> [([String], JSONValue, String)] {
        guard let bytesMax, bytesMax < 20_000 else { return [] }
        return [([], .string(String(repeating: "x", count: bytesMax + 1)), "TooLong")]
    }

    private static func beyond(_ range: ClosedRange<Int64>?) -> [([String], JSONValue, String)] {
        guard let range else { return [] }
        var values: [([String], JSONValue, String)] = []
        if range.lowerBound > .min {
            values.append(([], .int(range.lowerBound - 1), "OutOfRange"))
        }
        if range.upperBound < .max {
            values.append(([], .int(range.upperBound + 1), "OutOfRange"))
        }
        return values
    }
}

extension JSONValue {
    /// The value with the one at a path replaced; what the path needs on its way is made.
    fileprivate func replacing(_ path: ArraySlice<String>, with value: JSONValue) -> JSONValue {
        guard let name = path.first else { return value }
        let rest = path.dropFirst()
        if name == "0" {
            let items = elements ?? []
            return .array([(items.first ?? [:]).replacing(rest, with: value)] + items.dropFirst())
        }
        var object = members ?? [:]
        object[name] = (object[name] ?? .null).replacing(rest, with: value)
        return .object(object)
    }
}
