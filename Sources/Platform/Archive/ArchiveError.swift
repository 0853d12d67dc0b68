/// Why an archive, a compressed text or a folder was refused.
package struct ArchiveError: Error, Hashable {
    /// What kind of trouble it is, for choosing an answer.
    package enum Kind: Sendable, Hashable {
        /// The bytes do not follow the format.
        case malformed
        /// A limit is exceeded; as a request body this is 413.
        case tooLarge
        /// The format is kept, but what the entry asks for is never done.
        case unsafe
        /// The operating system failed with this `errno`.
        case system(Int32)
    }

    /// What kind of trouble it is.
    package let kind: Kind
    /// The path of the entry concerned, escaped and cut for printing; nil for the whole archive.
    package let entry: String?
    /// What is wrong, as a sentence.
    package let reason: String

    init(_ kind: Kind, _ reason: String, entry: String? = nil) {
        self.kind = kind
        self.reason = reason
        self.entry = entry.map(printable)
    }
}

extension ArchiveError: CustomStringConvertible {
    /// The entry and the reason in one line.
    package var description: String {
        entry.map { "\"\($0)\": \(reason)" } ?? reason
    }
}

/// A path that came from outside, made fit for a message: no control characters, one line.
private func printable(_ path: String) -> String {
    var text = ""
    for scalar in path.unicodeScalars.prefix(200) {
        let isPrintable = scalar.properties.generalCategory != .control && scalar != "\u{FFFD}"
        if isPrintable { text.unicodeScalars.append(scalar) } else { text += "\u{FFFD}" }
    }
    return text.unicodeScalars.count < 200 ? text : text + "…"
}
