import JSON

extension FuzzCheck {
    /// What is read as JSON is read the same after it was written, and limits only refuse.
    static let json = FuzzCheck("json") { bytes in
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(bytes)
        } catch {
            try promise((0...bytes.count).contains(error.offset), "a fault lies in the text")
            try promise(error.line > 0 && error.column > 0, "places count from 1")
            return
        }
        let text = value.jsonBytes()
        let again = try JSONParser.parse(text)
        try promise(again == value, "a value written is read the same")
        try promise(again.jsonBytes() == text, "and written the same")
        try promise(again.hashValue == value.hashValue, "equal values have equal hashes")
        let tight = JSONLimits(depthMax: 3, membersMax: 8, bytesMax: 256, numberBytesMax: 10)
        if let limited = try? JSONParser.parse(bytes, limits: tight) {
            try promise(limited == value, "limits change no value")
        }
    }
}
