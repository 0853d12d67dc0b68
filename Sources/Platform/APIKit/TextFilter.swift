/// What a text has to be, `v1FilterString`: all that is given has to hold.
///
/// An empty member is the same as a missing one, as Go clients write either.
package struct TextFilter: WireInput {
    private let equal: String
    private let notEqual: String
    private let contained: String
    private let start: String
    private let ignoresCase: Bool

    package init(from fields: Fields) {
        equal = fields.optionalText("eq") ?? ""
        notEqual = fields.optionalText("ne") ?? ""
        contained = fields.optionalText("contains") ?? ""
        start = fields.optionalText("beginsWith") ?? ""
        ignoresCase = fields.optionalFlag("ignoreCase") ?? true
    }

    /// Whether the text is such a one.
    package func matches(_ text: String) -> Bool {
        let text = fold(text)
        return (equal.isEmpty || text == fold(equal))
            && (notEqual.isEmpty || text != fold(notEqual))
            && (contained.isEmpty || text.contains(fold(contained)))
            && (start.isEmpty || text.hasPrefix(fold(start)))
    }

    private func fold(_ text: String) -> String { ignoresCase ? text.lowercased() : text }
}
