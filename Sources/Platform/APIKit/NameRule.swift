/// What a name must be like, so that people who read it in a table see what is there.
package enum NameRule {
    /// What makes a text unfit to be a name; `nil` when it is fit, or empty.
    package static func flaw(in name: String) -> String? {
        let scalars = name.unicodeScalars
        guard let first = scalars.first, let last = scalars.last else { return nil }
        let isBlank = scalars.allSatisfy {
            $0.properties.isWhitespace || $0.properties.isDefaultIgnorableCodePoint
        }
        if isBlank { return "A name must hold something that can be seen." }
        if first.properties.isWhitespace || last.properties.isWhitespace {
            return "A name must not begin or end with white space."
        }
        return hidden(in: name[...]).map { "A name must not hold \($0)." }
    }

    /// What a text holds that whoever reads it does not see; `nil` when there is nothing.
    static func hidden(in text: Substring) -> String? {
        let isControl = text.unicodeScalars.contains {
            [.control, .lineSeparator, .paragraphSeparator].contains($0.properties.generalCategory)
        }
        if isControl { return "control characters" }
        // They make `gpj.exe` of `exe.jpg`.
        if text.unicodeScalars.contains(where: \.properties.isBidiControl) {
            return "marks that turn the direction of the text"
        }
        return nil
    }
}
