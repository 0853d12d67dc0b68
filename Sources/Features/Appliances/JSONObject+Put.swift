import JSON

extension JSONObject {
    /// Adds a member unless there is no value.
    mutating func put(_ name: String, _ text: String?) {
        if let text { self[name] = .string(text) }
    }

    /// Adds a member unless there is no value.
    mutating func put(_ name: String, _ number: Int64?) {
        if let number { self[name] = .int(number) }
    }

    /// Adds a member unless there is no value.
    mutating func put(_ name: String, _ flag: Bool?) {
        if let flag { self[name] = .bool(flag) }
    }

    /// Adds a member unless there is no value.
    mutating func put(_ name: String, _ object: JSONObject?) {
        if let object { self[name] = .object(object) }
    }

    /// Adds a list, the empty one too.
    mutating func put(_ name: String, _ objects: [JSONObject]) {
        self[name] = .array(objects.map(JSONValue.object))
    }

    /// Adds a list, the empty one too.
    mutating func put(_ name: String, _ texts: [String]) {
        self[name] = .array(texts.map(JSONValue.string))
    }

    /// Adds a map, the empty one too, its names in order.
    mutating func put(_ name: String, _ map: [String: String]) {
        let members = map.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        self[name] = .object(JSONObject(members))
    }
}

/// Reads a map of texts back from the database.
func textMap(stored bytes: [UInt8]) -> [String: String] {
    guard let value = try? JSONParser.parse(bytes), case .object(let object) = value else {
        return [:]
    }
    var map: [String: String] = [:]
    for member in object { map[member.key] = member.value.text }
    return map
}

/// A map of texts as it is stored: names in order, so that equal maps are equal bytes.
func storedText(of map: [String: String]) -> String {
    String(decoding: map.jsonBytes(), as: UTF8.self)
}
