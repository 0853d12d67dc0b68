import APIKit
import JSON

/// What a pack says about another one that may stand beside it (BEHAVIOUR 4.2).
package struct PackDependency: WireInput {
    /// What follows from the other pack's version.
    package enum Kind: String, Sendable, CaseIterable {
        /// The other pack must be there, in the range.
        case required
        /// The other pack must be in the range if it is there.
        case optional
        /// The other pack must not be there in the range.
        case notSupported
        /// As `optional`, when this pack takes the place of another version of itself.
        case upgrade
    }

    /// The other pack's name.
    package let packName: String
    /// The layer where the other pack counts; nil for any.
    package let layer: PackLayer?
    /// What follows.
    package let kind: Kind
    /// The lowest version of the range, such as `1.27`; empty for none.
    package let minVersion: String
    /// The highest version of the range; empty for none.
    package let maxVersion: String

    /// Reads an element of `dependencies`.
    package init(from fields: Fields) {
        packName = fields.text("packName", bytesMax: PackLimits.nameBytesMax)
        kind =
            Kind(rawValue: fields.text("type", allowed: Kind.allCases.map(\.rawValue)))
            ?? .optional
        layer = fields.optionalText("layer", allowed: PackLayer.allCases.map(\.rawValue))
            .flatMap(PackLayer.init)
        // Loose forms such as 1.27 are usual here, so only their length is checked.
        minVersion =
            fields.optionalText("minVersion", bytesMax: PackLimits.versionBytesMax) ?? ""
        maxVersion =
            fields.optionalText("maxVersion", bytesMax: PackLimits.versionBytesMax) ?? ""
    }

    /// Whether the entry says anything: without a range it is skipped, as documented.
    package var hasRange: Bool { !minVersion.isEmpty || !maxVersion.isEmpty }

    /// Whether a version is in the range; bounds count as far as they are written, so that `1.27`
    /// as the highest version takes 1.27.9 in.
    package func contains(_ version: String) -> Bool {
        if !minVersion.isEmpty, Self.compare(version, with: minVersion) < 0 { return false }
        if !maxVersion.isEmpty, Self.compare(version, with: maxVersion) > 0 { return false }
        return true
    }

    /// The range in words: `from 1.27 to 1.29`.
    package var rangeInWords: String {
        switch (minVersion.isEmpty, maxVersion.isEmpty) {
        case (false, false): "from \(minVersion) to \(maxVersion)"
        case (false, true): "from \(minVersion) on"
        case (true, false): "up to \(maxVersion)"
        case (true, true): "any version"
        }
    }

    /// Below, at (0) or above a bound that may have fewer parts than a version.
    private static func compare(_ version: String, with bound: String) -> Int {
        if let version = SemanticVersion(version), let bound = SemanticVersion(bound) {
            return version < bound ? -1 : version == bound ? 0 : 1
        }
        for (own, other) in zip(numbers(version), numbers(bound)) where own != other {
            return own < other ? -1 : 1
        }
        return 0
    }

    /// The leading numbers between dots; what begins with no digit ends them.
    private static func numbers(_ version: String) -> [UInt64] {
        var numbers: [UInt64] = []
        for part in version.drop(while: { $0 == "v" }).split(separator: ".") {
            guard let number = UInt64(part.prefix { ("0"..."9").contains($0) }) else { break }
            numbers.append(number)
        }
        return numbers
    }
}

extension PackVersion {
    /// The pack's dependencies; entries that cannot be read were refused at the import.
    package var dependencies: [PackDependency] {
        guard let members = constraints?.members else { return [] }
        return PackConstraints(from: Fields(members, faults: FaultList())).dependencies
    }
}
