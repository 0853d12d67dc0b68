import APIKit

/// Which passwords are taken (BEHAVIOUR 1.2, the default policy).
package enum PasswordPolicy {
    static let lengths = 6...64

    /// Every rule that the password breaks; empty when it may be used.
    package static func faults(of password: String, at pointer: String) -> [Fault] {
        var faults: [Fault] = []
        func need(_ holds: Bool, _ code: String, _ message: String) {
            if !holds { faults.append(Fault(pointer, code, message)) }
        }
        let characters = password.unicodeScalars
        need(
            characters.count >= lengths.lowerBound,
            "TooShort",
            "The password needs at least \(lengths.lowerBound) characters."
        )
        need(
            characters.count <= lengths.upperBound,
            "TooLong",
            "The password may have at most \(lengths.upperBound) characters."
        )
        need(
            characters.contains { $0.properties.isUppercase },
            "UppercaseRequired",
            "The password needs an upper-case letter."
        )
        need(
            characters.contains { $0.properties.isLowercase },
            "LowercaseRequired",
            "The password needs a lower-case letter."
        )
        need(
            characters.contains { ("0"..."9").contains($0) },
            "DigitRequired",
            "The password needs a digit."
        )
        need(
            characters.contains {
                !$0.properties.isAlphabetic && $0.properties.numericType == nil
                    && !$0.properties.isWhitespace
            },
            "SpecialRequired",
            "The password needs a character that is no letter and no digit."
        )
        return faults
    }

    // Without the characters that look alike, and without those that a shell reads.
    private static let classes: [[Character]] = [
        Array("ABCDEFGHJKLMNPQRSTUVWXYZ"), Array("abcdefghijkmnopqrstuvwxyz"),
        Array("23456789"), Array("-_.+=@%"),
    ]

    /// A random password that the policy takes: 20 characters, about 115 bits.
    package static func generate() -> String {
        var random = SystemRandomNumberGenerator()
        var characters = classes.compactMap { $0.randomElement(using: &random) }
        let all = classes.flatMap { $0 }
        while characters.count < 20, let next = all.randomElement(using: &random) {
            characters.append(next)
        }
        return String(characters.shuffled(using: &random))
    }
}
