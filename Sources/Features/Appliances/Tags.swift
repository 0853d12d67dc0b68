import APIKit

/// The tags of an appliance: `key:value` pairs, the value optional.
package struct Tags: Sendable, Hashable {
    /// The pairs as their writer gave them.
    package let pairs: [String: String]

    /// What clients store as the value of a tag that has none.
    package static let placeholder = "spectro__tag"
    /// The tag whose value is shown instead of the ID.
    package static let nameKey = "name"
    /// Most tags an appliance may have.
    package static let countMax = 100
    /// The longest key, in bytes.
    package static let keyBytesMax = 128
    /// The longest value, in bytes.
    package static let valueBytesMax = 256

    /// Pairs that are known to keep the rules; see ``faults(in:)``.
    package init(_ pairs: [String: String] = [:]) {
        self.pairs = pairs
    }

    /// The rules that pairs break as tags: the pair's key, a fault's code and its sentence.
    package static func faults(
        in pairs: [String: String]
    ) -> [(key: String, code: String, message: String)] {
        var faults: [(key: String, code: String, message: String)] = []
        if pairs.count > countMax {
            faults.append(
                ("", "TooMany", "An appliance has at most \(countMax) tags, not \(pairs.count).")
            )
        }
        for (key, value) in pairs.sorted(by: { $0.key < $1.key }) {
            if key.isEmpty {
                faults.append((key, "Required", "A tag needs a key before the colon."))
            } else if key.utf8.count > keyBytesMax || value.utf8.count > valueBytesMax {
                faults.append(
                    (
                        key, "TooLong",
                        "A tag's key has at most \(keyBytesMax) bytes, its value \(valueBytesMax)."
                    )
                )
            } else if key.contains(":") {
                // `a:b:c` is the key `a`; a key with a colon could not be told from that.
                faults.append((key, "InvalidCharacter", "A tag's key must not contain a colon."))
            } else if key.hasControlCharacter || value.hasControlCharacter {
                faults.append(
                    (key, "InvalidCharacter", "A tag must not contain control characters.")
                )
            } else if key == nameKey, let flaw = NameRule.flaw(in: value) {
                faults.append((key, "InvalidCharacter", flaw))
            }
        }
        return faults
    }

    /// A tag as lists show it: `key:value`, or `key` alone when it has no value.
    package static func text(key: String, value: String) -> String {
        value.isEmpty || value == placeholder ? key : "\(key):\(value)"
    }

    /// All tags as lists show them, in order.
    package var texts: [String] {
        pairs.map { Self.text(key: $0.key, value: $0.value) }.sorted()
    }

    /// The value of the `name` tag, when it has one.
    package var displayName: String? {
        guard let name = pairs[Self.nameKey], !name.isEmpty, name != Self.placeholder else {
            return nil
        }
        return name
    }
}

extension String {
    /// Whether a control character of ASCII or of Latin-1 stands in the text.
    var hasControlCharacter: Bool {
        unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }
    }
}
