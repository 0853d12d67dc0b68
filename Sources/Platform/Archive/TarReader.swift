/// Reads ustar, GNU and pax archives that nobody vouches for.
///
/// The whole archive is refused when anything in it is not a plain file or folder with a plain
/// path, is there twice, or says what readers are known to disagree about (SECURITY row 34 of
/// the test catalogue: traversal, links, devices, duplicates, bombs, sizes that lie).
package struct TarReader {
    /// Reads an archive, inflating it first when it is a gzip text.
    ///
    /// - Throws: `ArchiveError` naming the entry and the reason.
    package static func read(
        _ bytes: [UInt8],
        limits: ArchiveLimits = ArchiveLimits()
    ) throws(ArchiveError) -> Archive {
        guard Gzip.isGzip(bytes) else {
            guard bytes.count <= limits.bytesMax else {
                throw ArchiveError(.tooLarge, "The archive exceeds \(limits.bytesMax) bytes.")
            }
            var reader = TarReader(bytes: bytes, limits: limits)
            return try reader.archive()
        }
        let inflated = try Gzip.decompress(
            bytes,
            limit: limits.bytesMax,
            ratioMax: limits.ratioMax
        )
        var reader = TarReader(bytes: inflated, limits: limits)
        return try reader.archive()
    }

    private static let extensionBytesMax = 64 << 10

    private let bytes: [UInt8]
    private let limits: ArchiveLimits
    private var collector: EntryCollector
    private var at = 0
    private var headersLeft: Int
    // What an extended header said about the entry that follows.
    private var pendingPath: [UInt8]?
    private var pendingSize: Int?
    private var isPending = false

    private init(bytes: [UInt8], limits: ArchiveLimits) {
        self.bytes = bytes
        self.limits = limits
        collector = EntryCollector(limits: limits)
        headersLeft = limits.entriesMax
    }

    private mutating func archive() throws(ArchiveError) -> Archive {
        guard !bytes.isEmpty, bytes.count.isMultiple(of: TarFormat.blockBytes) else {
            throw ArchiveError(.malformed, "The archive does not consist of whole tar blocks.")
        }
        while let header = try nextHeader() {
            try entry(header)
        }
        guard !isPending else {
            throw ArchiveError(.malformed, "An extended header is not followed by an entry.")
        }
        return Archive(entries: collector.entries, bytes: bytes)
    }

    /// The next header block, nil at the end mark; everything after the mark must be zero.
    private mutating func nextHeader() throws(ArchiveError) -> TarHeader? {
        guard bytes.count - at >= 2 * TarFormat.blockBytes else {
            throw ArchiveError(.malformed, "The archive is cut off; its end mark is missing.")
        }
        let block = bytes[at..<at + TarFormat.blockBytes]
        if block.allSatisfy({ $0 == 0 }) {
            guard bytes[at...].allSatisfy({ $0 == 0 }) else {
                throw ArchiveError(.malformed, "Something follows the end of the archive.")
            }
            return nil
        }
        guard headersLeft > 0 else {
            throw ArchiveError(
                .tooLarge,
                "The archive has more than \(limits.entriesMax) entries."
            )
        }
        headersLeft -= 1
        at += TarFormat.blockBytes
        return try TarHeader(block)
    }

    private mutating func entry(_ header: TarHeader) throws(ArchiveError) {
        let size: Int
        switch header.type {
        case UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"):
            size = header.size
        default:
            size = pendingSize ?? header.size
        }
        let shown = String(decoding: pendingPath ?? header.path, as: UTF8.self)
        guard size <= bytes.count - at, TarFormat.padded(size) <= bytes.count - at else {
            throw ArchiveError(
                .malformed,
                "The entry claims more bytes than the archive holds.",
                entry: shown
            )
        }
        let range = at..<at + size
        at += TarFormat.padded(size)
        switch header.type {
        case UInt8(ascii: "0"), 0:
            try keep(header, .file, range)
        case UInt8(ascii: "5"):
            guard size == 0 else {
                throw ArchiveError(.malformed, "A folder must not have contents.", entry: shown)
            }
            try keep(header, .directory, range)
        case UInt8(ascii: "x"):
            try takeExtension(range)
        case UInt8(ascii: "g"):
            // Archives made by Git begin with one that holds a comment.
            guard try paxRecords(range).isEmpty else {
                throw ArchiveError(
                    .unsafe,
                    "A global extended header must not set a path or a size."
                )
            }
        case UInt8(ascii: "L"):
            try takeLongName(range)
        default:
            throw ArchiveError(.unsafe, refusal(ofType: header.type), entry: shown)
        }
    }

    private mutating func keep(
        _ header: TarHeader,
        _ kind: ArchiveEntry.Kind,
        _ range: Range<Int>
    ) throws(ArchiveError) {
        try collector.add(
            pendingPath ?? header.path,
            kind,
            isExecutable: header.isExecutable,
            range: range
        )
        pendingPath = nil
        pendingSize = nil
        isPending = false
    }

    private func refusal(ofType type: UInt8) -> String {
        switch type {
        case UInt8(ascii: "1"): "Hard links are not taken."
        case UInt8(ascii: "2"), UInt8(ascii: "K"): "Symbolic links are not taken."
        case UInt8(ascii: "3"), UInt8(ascii: "4"): "Device nodes are not taken."
        case UInt8(ascii: "6"): "Named pipes are not taken."
        default: "The entry is neither a file nor a folder."
        }
    }

    private mutating func announce(_ range: Range<Int>) throws(ArchiveError) {
        guard !isPending else {
            throw ArchiveError(.unsafe, "Two extended headers stand before one entry.")
        }
        try checkExtensionSize(range)
        isPending = true
    }

    private func checkExtensionSize(_ range: Range<Int>) throws(ArchiveError) {
        guard range.count <= Self.extensionBytesMax else {
            throw ArchiveError(
                .tooLarge,
                "An extended header exceeds \(Self.extensionBytesMax) bytes."
            )
        }
    }

    /// GNU's way to a long path: the contents are the path and one NUL.
    private mutating func takeLongName(_ range: Range<Int>) throws(ArchiveError) {
        try announce(range)
        var path = Array(bytes[range])
        if path.last == 0 { path.removeLast() }
        pendingPath = path
    }

    private mutating func takeExtension(_ range: Range<Int>) throws(ArchiveError) {
        try announce(range)
        for (key, value) in try paxRecords(range) {
            if key == "path", pendingPath == nil {
                pendingPath = value
            } else if key == "size", pendingSize == nil {
                pendingSize = try decimal(value)
            } else {
                throw ArchiveError(
                    .unsafe,
                    "An extended header sets \"\(key)\" twice or may not set it."
                )
            }
        }
    }

    /// The records of a pax header that matter; times, owners and comments are left out.
    private func paxRecords(
        _ range: Range<Int>
    ) throws(ArchiveError) -> [(key: String, value: [UInt8])] {
        try checkExtensionSize(range)
        var records: [(key: String, value: [UInt8])] = []
        var rest = bytes[range]
        while !rest.isEmpty {
            let malformed = ArchiveError(.malformed, "An extended header is damaged.")
            guard let blank = rest.firstIndex(of: 0x20) else { throw malformed }
            let length = try decimal(Array(rest[..<blank]))
            let start = rest.startIndex
            guard length > blank - start, length <= rest.count, rest[start + length - 1] == 0x0A
            else { throw malformed }
            let record = rest[(blank + 1)..<(start + length - 1)]
            rest = rest[(start + length)...]
            guard let sign = record.firstIndex(of: UInt8(ascii: "=")), sign > record.startIndex
            else { throw malformed }
            let key = String(decoding: record[..<sign], as: UTF8.self)
            let matters = ["path", "size", "linkpath"].contains(key) || key.hasPrefix("GNU.sparse")
            if matters { records.append((key, Array(record[(sign + 1)...]))) }
        }
        return records
    }

    private func decimal(_ digits: [UInt8]) throws(ArchiveError) -> Int {
        let text = String(decoding: digits, as: UTF8.self)
        guard digits.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
            throw ArchiveError(.malformed, "A number in an extended header is damaged.")
        }
        return number
    }
}
