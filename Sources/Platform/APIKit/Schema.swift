import JSON

/// The part of JSON Schema (2020-12, as OpenAPI 3.1 uses it) that the documents need.
package indirect enum Schema: Sendable, Hashable {
    case any
    case boolean
    case number
    case time
    case binary
    case integer(ClosedRange<Int64>?)
    case string(enumeration: [String]? = nil, bytesMax: Int? = nil)
    case array(of: Schema)
    case map(of: Schema)
    case object(properties: [String: Schema], required: Set<String>)

    /// The schema as the JSON of the OpenAPI document; members in a fixed order.
    package var json: JSONValue {
        var object = JSONObject()
        switch self {
        case .any: break
        case .boolean: object["type"] = "boolean"
        case .number: object["type"] = "number"
        case .time:
            object["type"] = "string"
            object["format"] = "date-time"
        case .binary:
            object["type"] = "string"
            object["contentEncoding"] = "binary"
        case .integer(let range):
            object["type"] = "integer"
            if let range {
                object["minimum"] = .int(range.lowerBound)
                object["maximum"] = .int(range.upperBound)
            }
        case .string(let enumeration, let bytesMax):
            object["type"] = "string"
            if let enumeration { object["enum"] = .array(enumeration.map(JSONValue.string)) }
            if let bytesMax { object["maxLength"] = .int(Int64(bytesMax)) }
        case .array(let item):
            object["type"] = "array"
            object["items"] = item.json
        case .map(let value):
            object["type"] = "object"
            object["additionalProperties"] = value.json
        case .object(let properties, let required):
            object["type"] = "object"
            var members = JSONObject()
            for (name, schema) in properties.sorted(by: { $0.key < $1.key }) {
                members[name] = schema.json
            }
            object["properties"] = .object(members)
            if !required.isEmpty {
                object["required"] = .array(required.sorted().map(JSONValue.string))
            }
        }
        return .object(object)
    }

    /// Whether an object without members does not fit.
    var requiresMembers: Bool {
        if case .object(_, let required) = self { !required.isEmpty } else { false }
    }

    /// What does not fit this schema, as sentences that begin with a pointer; empty when all fits.
    ///
    /// An object's unknown members do not fit: it is used on what the server itself sends.
    package func mismatches(_ value: JSONValue, at pointer: String = "") -> [String] {
        switch (self, value) {
        case (.any, _), (.boolean, .bool), (.number, .int), (.number, .double),
            (.integer, .int), (.string, .string), (.time, .string), (.binary, .string):
            return []
        case (.array(let item), .array(let values)):
            return values.enumerated().flatMap {
                item.mismatches($0.element, at: "\(pointer)/\($0.offset)")
            }
        case (.map(let item), .object(let members)):
            return members.flatMap { item.mismatches($0.value, at: "\(pointer)/\($0.key)") }
        case (.object(let properties, let required), .object(let members)):
            var found: [String] = []
            for name in required.sorted() where members[name] == nil {
                found.append("\(pointer)/\(name) is missing")
            }
            for member in members {
                let name = member.key
                guard let schema = properties[name] else {
                    found.append("\(pointer)/\(name) is not documented")
                    continue
                }
                found += schema.mismatches(member.value, at: "\(pointer)/\(name)")
            }
            return found
        default:
            return ["\(pointer) is \(value.kindInWords), not what the document says"]
        }
    }

    /// The narrowest schema that all these examples fit.
    ///
    /// A property that some example of an object lacks is optional.
    package static func inferred(from examples: [JSONValue]) -> Schema {
        let present = examples.filter { $0 != .null }
        guard let first = present.first else { return .any }
        switch first {
        case .null: return .any
        case .bool: return .boolean
        case .double: return .number
        case .int:
            return present.allSatisfy { if case .int = $0 { true } else { false } }
                ? .integer(nil) : .number
        case .string(let text):
            let isTime =
                text.utf8.count >= 20 && text.utf8.last == UInt8(ascii: "Z")
                && text.utf8.dropFirst(10).first == UInt8(ascii: "T")
            return isTime ? .time : .string()
        case .array:
            let items = present.flatMap { $0.elements ?? [] }
            return .array(of: inferred(from: items))
        case .object:
            let objects = present.compactMap(\.members)
            var properties: [String: [JSONValue]] = [:]
            for object in objects {
                for member in object {
                    properties[member.key, default: []].append(member.value)
                }
            }
            let required = properties.filter { $0.value.count == objects.count }.map(\.key)
            return .object(
                properties: Dictionary(
                    uniqueKeysWithValues: properties.map { name, values in
                        (name, maps.contains(name) ? .map(of: .string()) : inferred(from: values))
                    }
                ),
                required: Set(required)
            )
        }
    }

    /// Members that hold a map of texts wherever they stand; an example cannot show that its names
    /// are not fixed ones.
    static let maps: Set<String> = ["addresses", "annotations", "labels"]
}

/// Notes what a `WireInput` asks for while its initializer runs as a rehearsal.
package final class SchemaRecorder {
    /// Types that hold themselves (filters in filters) would rehearse for ever.
    static let depthMax = 12
    private var properties: [String: Schema] = [:]
    private var required: Set<String> = []
    private var depth = 0

    package init() {}

    package var schema: Schema {
        properties.isEmpty ? .any : .object(properties: properties, required: required)
    }

    func property(_ name: String, _ schema: Schema, required isRequired: Bool) {
        // `text` records through `optionalText` too; the stronger statement stays.
        if required.contains(name) { return }
        properties[name] = schema
        if isRequired { required.insert(name) }
    }

    func nested<Part>(_ inner: SchemaRecorder, _ body: () -> Part) -> Part? {
        inner.depth = depth + 1
        guard inner.depth < Self.depthMax else { return nil }
        return body()
    }

    /// The schema of an input type.
    package static func schema<Input: WireInput>(of type: Input.Type) -> Schema {
        let recorder = SchemaRecorder()
        _ = Input(
            from: Fields(object: nil, pointer: "", faults: FaultList(), recorder: recorder)
        )
        return recorder.schema
    }
}
