import APIKit

/// An e-mail address in the form under which accounts are kept and found.
///
/// White space around it is cut off and all of it is folded to lower case, the local part too:
/// RFC 5321 §2.4 lets a mail system tell `Ann` from `ann`, but people do not, and two accounts
/// that differ in case only would be a trap.
package struct EmailAddress: Sendable, Hashable {
    /// The canonical form.
    package let text: String

    /// RFC 5321 §4.5.3.1.3.
    static let bytesMax = 254

    /// `nil` for what cannot be an address: a check against mistakes, not of RFC 5322's grammar.
    package init?(_ raw: String) {
        var bytes = Substring(raw)
        while let first = bytes.unicodeScalars.first, first.properties.isWhitespace {
            bytes.unicodeScalars.removeFirst()
        }
        while let last = bytes.unicodeScalars.last, last.properties.isWhitespace {
            bytes.unicodeScalars.removeLast()
        }
        let folded = bytes.lowercased()
        guard folded.utf8.count <= Self.bytesMax,
            let at = folded.lastIndex(of: "@"),
            Self.isLocalPart(folded[..<at]),
            Self.isDomain(folded[folded.index(after: at)...])
        else { return nil }
        text = folded
    }

    private static func isLocalPart(_ part: Substring) -> Bool {
        !part.isEmpty && part.utf8.count <= 64 && !part.hasPrefix(".") && !part.hasSuffix(".")
            && !part.contains("..")
            && part.unicodeScalars.allSatisfy {
                // White space, controls and what separates addresses in a list; letters of any
                // alphabet are allowed (RFC 6531).
                !$0.properties.isWhitespace && $0.value > 0x20 && $0.value != 0x7F
                    && !"@,;:<>()[]\\\"".unicodeScalars.contains($0)
            }
    }

    private static func isDomain(_ domain: Substring) -> Bool {
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        return domain.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && !label.hasPrefix("-")
                    && !label.hasSuffix("-")
                    && label.utf8.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0)
                            || $0 == UInt8(ascii: "-") || $0 >= 0x80
                    }
            }
    }
}
