/// The terms of a list's `filters`: `field=value` and `field_in_a,b`, joined by `AND` without
/// blanks.
package enum FilterTerms {
    /// Cuts at each `AND` that a term follows, of a known field or not: a value such as `BRAND`
    /// stays whole, and a field that nobody has is seen as one.
    package static func split(_ text: String) -> [Substring] {
        guard !text.isEmpty else { return [] }
        var parts: [Substring] = []
        var start = text.startIndex
        for range in text.ranges(of: "AND") where range.lowerBound > start {
            guard beginsTerm(text[range.upperBound...]) else { continue }
            parts.append(text[start..<range.lowerBound])
            start = range.upperBound
        }
        parts.append(text[start...])
        return parts
    }

    private static func beginsTerm(_ text: Substring) -> Bool {
        if ["metadata.", "spec.", "status."].contains(where: text.hasPrefix) { return true }
        let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "." || $0 == "_" }
        // With another `AND` inside it is the rest of a value, and the term comes later.
        return !name.isEmpty && text[name.endIndex...].hasPrefix("=") && !name.contains("AND")
    }
}
