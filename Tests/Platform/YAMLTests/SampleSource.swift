import JSON

/// Random values from a seed that a failing test prints (SplitMix64).
struct SampleSource {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: UInt64) -> Int { Int(next() % bound) }

    mutating func text() -> String {
        let pieces = [
            "a", "Z9", "\"", "'", "\\", "\n", "\n", "\0", "\u{1f}", "é", "日本", "😀", "key", ": ",
            ":", "#", " ", "  ", "\t", "- ", "?", "{", "]", "&", "*", "!", "|", ">", "%", "@", "`",
            "~", "null", "true", "no", "12", "0x1", "1e5", ".", "---", "...", "\r", "\u{85}",
            "\u{2028}", "\u{feff}", "a run of words", "\u{7f}", "<<", "=",
        ]
        return (0..<below(7)).map { _ in pieces[below(UInt64(pieces.count))] }.joined()
    }

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth > 3 ? 5 : 7) {
        case 0: return .null
        case 1: return .bool(next() & 1 == 0)
        case 2: return .int(Int64(bitPattern: next()) >> Int64(below(64)))
        case 3:
            let number = Double(bitPattern: next())
            return .double(number.isFinite ? number : Double(below(1_000)) / 8)
        case 4: return .string(text())
        case 5: return .array((0..<below(4)).map { _ in value(depth: depth + 1) })
        default: return mapping(depth: depth)
        }
    }

    /// A mapping whose names come from a few, so that two mappings share some.
    mutating func mapping(depth: Int) -> JSONValue {
        var members = JSONObject()
        for _ in 0..<below(5) {
            let name = below(4) == 0 ? text() : ["a", "b", "c", "d e", "1"][below(5)]
            members[name] = value(depth: depth + 1)
        }
        return .object(members)
    }
}
