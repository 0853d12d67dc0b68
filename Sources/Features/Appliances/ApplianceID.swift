import APIKit

/// The name under which a machine is known everywhere: chosen by its operator, unique across all
/// tenants, kept and compared exactly as given.
///
/// The alphabet is closed: printable ASCII without the characters that mean something in a URL, a
/// query or a shell. So no two IDs look alike to a person, and `..` and trailing dots cannot occur.
package struct ApplianceID: Sendable, Hashable {
    /// The ID as its operator wrote it.
    package let text: String

    /// The longest ID.
    package static let lengthMax = 128
    /// What an ID must not contain, blanks and control characters apart.
    package static let forbidden = "/?#&+%,$~!@*(){}|=;:<>'.^\""
    /// Words that are paths of their own under `/v1/edgehosts/`.
    package static let reserved: Set<String> = ["metadata", "register", "tags", "tokens"]

    private static let forbiddenBytes = Set(forbidden.utf8)

    /// Takes an ID that keeps all rules; `nil` for any other text.
    package init?(_ text: String) {
        guard Self.fault(in: text) == nil else { return nil }
        self.text = text
    }

    /// An ID read back from the database, where only checked ones are.
    package init(stored text: String) {
        self.text = text
    }

    /// The first rule that a text breaks as an ID, as a fault's code and sentence.
    package static func fault(in text: String) -> (code: String, message: String)? {
        if text.isEmpty { return ("Required", "An appliance needs an ID.") }
        guard text.utf8.count <= lengthMax else {
            return (
                "TooLong",
                "An appliance ID has at most \(lengthMax) characters; this one has "
                    + "\(text.utf8.count)."
            )
        }
        for byte in text.utf8 where !(0x21...0x7E).contains(byte) || forbiddenBytes.contains(byte) {
            return (
                "InvalidCharacter",
                "An appliance ID consists of letters, digits and signs such as - and _; blanks, "
                    + "letters outside of ASCII and \(forbidden) are not allowed."
            )
        }
        if reserved.contains(text) {
            return ("Reserved", "'\(text)' is a word of the API; choose another ID.")
        }
        return nil
    }
}
