/// A version as Semantic Versioning 2.0.0 defines it: `1.4.0`, `2.0.0-rc.1+build.7`.
///
/// Only the strict form is read: `1.2`, `v1.2.0` and `01.2.0` are no versions. The order is total:
/// SemVer's precedence first (§11), then the text of the build metadata, which SemVer leaves out,
/// so that two versions that are not equal never count as equally new.
package struct SemanticVersion: Sendable, Hashable {
    /// One dot-separated part of a pre-release.
    enum Identifier: Sendable, Hashable {
        case number(UInt64)
        case word(String)
    }

    /// Grows with incompatible changes.
    package let major: UInt64
    /// Grows with additions.
    package let minor: UInt64
    /// Grows with corrections.
    package let patch: UInt64
    let preRelease: [Identifier]
    let build: String

    /// Reads a version; nil when the text is none, or longer than `PackLimits.versionBytesMax`.
    package init?(_ text: String) {
        guard text.utf8.count <= PackLimits.versionBytesMax else { return nil }
        let plus = text.utf8.split(
            separator: UInt8(ascii: "+"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let dash = plus[0].split(
            separator: UInt8(ascii: "-"),
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let core = dash[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard core.count == 3, let major = Self.number(core[0]), let minor = Self.number(core[1]),
            let patch = Self.number(core[2])
        else { return nil }
        self.major = major
        self.minor = minor
        self.patch = patch
        var identifiers: [Identifier] = []
        if dash.count == 2 {
            for part in dash[1].split(
                separator: UInt8(ascii: "."),
                omittingEmptySubsequences: false
            ) {
                guard let identifier = Self.identifier(part) else { return nil }
                identifiers.append(identifier)
            }
        }
        preRelease = identifiers
        if plus.count == 2 {
            let parts = plus[1].split(
                separator: UInt8(ascii: "."),
                omittingEmptySubsequences: false
            )
            guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(Self.isIdentifierByte) }) else {
                return nil
            }
            build = String(Substring(plus[1]))
        } else {
            build = ""
        }
    }

    /// Whether this is a pre-release such as `1.0.0-rc.1`.
    package var isPreRelease: Bool { !preRelease.isEmpty }

    /// A number without leading zeros (§2); nil for anything else, and from 2^64 up.
    static func number(_ digits: Substring.UTF8View) -> UInt64? {
        guard let first = digits.first, digits.allSatisfy(Self.isDigit),
            first != UInt8(ascii: "0") || digits.count == 1
        else { return nil }
        return UInt64(Substring(digits))
    }

    private static func identifier(_ part: Substring.UTF8View) -> Identifier? {
        guard !part.isEmpty, part.allSatisfy(isIdentifierByte) else { return nil }
        guard part.allSatisfy(isDigit) else { return .word(String(Substring(part))) }
        return number(part).map(Identifier.number)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func isIdentifierByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"): true
        default: false
        }
    }
}

extension SemanticVersion: Comparable {
    /// Orders by precedence (§11), then by build metadata.
    package static func < (one: SemanticVersion, other: SemanticVersion) -> Bool {
        let left = (one.major, one.minor, one.patch)
        let right = (other.major, other.minor, other.patch)
        if left != right { return left < right }
        if one.preRelease != other.preRelease {
            // A pre-release comes before its release (§11.3).
            if one.preRelease.isEmpty { return false }
            if other.preRelease.isEmpty { return true }
            return one.preRelease.lexicographicallyPrecedes(other.preRelease)
        }
        return one.build.utf8.lexicographicallyPrecedes(other.build.utf8)
    }
}

extension SemanticVersion.Identifier: Comparable {
    /// Numbers by value, words by bytes, numbers before words (§11.4).
    static func < (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.number(let left), .number(let right)): left < right
        case (.word(let left), .word(let right)):
            left.utf8.lexicographicallyPrecedes(right.utf8)
        case (.number, .word): true
        case (.word, .number): false
        }
    }
}

extension SemanticVersion: CustomStringConvertible {
    /// The version as it is written.
    package var description: String {
        var text = "\(major).\(minor).\(patch)"
        if !preRelease.isEmpty {
            text += "-"
            text += preRelease.map {
                switch $0 {
                case .number(let number): String(number)
                case .word(let word): word
                }
            }.joined(separator: ".")
        }
        if !build.isEmpty { text += "+" + build }
        return text
    }
}
