import JSON

/// Labels and annotations as they stand in a column: one JSON object of texts.
enum TextMap {
    static func column(_ map: [String: String]) -> String {
        String(decoding: map.jsonBytes(), as: UTF8.self)
    }

    static func read(_ column: String) -> [String: String] {
        guard let members = (try? JSONParser.parse(Array(column.utf8)))?.members else { return [:] }
        var map: [String: String] = [:]
        for member in members { map[member.key] = member.value.text }
        return map
    }
}
