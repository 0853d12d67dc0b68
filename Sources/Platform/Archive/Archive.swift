/// The files and folders of a pack, read and checked, in memory.
///
/// Made from a tar archive or a folder alike. Every path is relative, uses `/`, has no `.`, `..`
/// or empty part and no control character, and is there once.
package struct Archive: Sendable {
    /// The entries in the order of the archive; a folder's are sorted by path.
    package let entries: [ArchiveEntry]

    private let bytes: [UInt8]
    private let positions: [String: Int]

    init(entries: [ArchiveEntry], bytes: [UInt8]) {
        self.entries = entries
        self.bytes = bytes
        positions = Dictionary(
            entries.enumerated().map { ($1.path, $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The entry at a path, nil when there is none.
    package subscript(_ path: String) -> ArchiveEntry? {
        positions[path].map { entries[$0] }
    }

    /// The contents of a file; empty for a folder.
    package func contents(of entry: ArchiveEntry) -> [UInt8] {
        guard entry.range.upperBound <= bytes.count else { return [] }
        return Array(bytes[entry.range])
    }

    /// The contents of the file at a path, nil when there is no file.
    package func contents(at path: String) -> [UInt8]? {
        guard let entry = self[path], entry.kind == .file else { return nil }
        return contents(of: entry)
    }
}

/// One file or folder of an archive.
package struct ArchiveEntry: Sendable, Hashable {
    /// The kinds that are taken at all.
    package enum Kind: Sendable, Hashable {
        case file
        case directory
    }

    /// The path without `./` in front and `/` at the end.
    package let path: String
    /// File or folder.
    package let kind: Kind
    /// Whether the owner may execute the file.
    package let isExecutable: Bool
    /// Where the contents lie in the archive's bytes.
    let range: Range<Int>

    /// The length of the contents in bytes.
    package var size: Int { range.count }
}

/// What an archive may cost before it is refused.
package struct ArchiveLimits: Sendable {
    /// The number of entries, headers of extended attributes included.
    package var entriesMax: Int
    /// The length of the archive after inflating; for a folder, of all files together.
    package var bytesMax: Int
    /// The length of one path in UTF-8 bytes.
    package var pathBytesMax: Int
    /// The number of parts of one path.
    package var pathPartsMax: Int
    /// How many bytes one compressed byte may become once more than a mebibyte was inflated.
    package var ratioMax: Int

    /// Sets limits; the defaults suit a pack.
    package init(
        entriesMax: Int = 10_000,
        bytesMax: Int = 64 << 20,
        pathBytesMax: Int = 512,
        pathPartsMax: Int = 32,
        ratioMax: Int = 200
    ) {
        self.entriesMax = entriesMax
        self.bytesMax = bytesMax
        self.pathBytesMax = pathBytesMax
        self.pathPartsMax = pathPartsMax
        self.ratioMax = ratioMax
    }
}
