/// A pin that follows the newest release of a line: `1.x` or `1.1.x` (CHK-3.2).
///
/// Pre-releases never belong to a train, not even when the line has nothing else: whoever follows
/// a train asked for releases, and a line that begins with a pre-release must not be deployed by
/// itself. They can be pinned by their exact version.
package struct VersionTrain: Sendable, Hashable, CustomStringConvertible {
    /// The major version that the train stays on.
    package let major: UInt64
    /// The minor version that the train stays on; nil for all of the major version's.
    package let minor: UInt64?

    /// Reads a train; nil when the text is none, exact versions among them.
    package init?(_ text: String) {
        guard text.utf8.count <= PackLimits.versionBytesMax else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts.last?.elementsEqual("x".utf8) == true,
            let major = SemanticVersion.number(parts[0])
        else { return nil }
        self.major = major
        if parts.count == 3 {
            guard let minor = SemanticVersion.number(parts[1]) else { return nil }
            self.minor = minor
        } else {
            minor = nil
        }
    }

    /// Makes a train.
    package init(major: UInt64, minor: UInt64?) {
        self.major = major
        self.minor = minor
    }

    /// The trains that a release belongs to, the narrowest first; none for a pre-release.
    package static func holding(_ version: SemanticVersion) -> [VersionTrain] {
        guard !version.isPreRelease else { return [] }
        return [
            VersionTrain(major: version.major, minor: version.minor),
            VersionTrain(major: version.major, minor: nil),
        ]
    }

    /// Whether a version belongs to the train.
    package func matches(_ version: SemanticVersion) -> Bool {
        !version.isPreRelease && version.major == major && (minor ?? version.minor) == version.minor
    }

    /// The newest release of the train among these, nil when none belongs to it.
    package func newest<Item>(
        of items: some Sequence<Item>,
        version: (Item) -> SemanticVersion?
    ) -> Item? {
        var best: (item: Item, version: SemanticVersion)?
        for item in items {
            guard let candidate = version(item), matches(candidate) else { continue }
            if let best, best.version >= candidate { continue }
            best = (item, candidate)
        }
        return best?.item
    }

    /// The train as it is written.
    package var description: String {
        minor.map { "\(major).\($0).x" } ?? "\(major).x"
    }
}
