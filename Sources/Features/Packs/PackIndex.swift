import Archive
import JSON

/// What a remote pack registry holds: the file `index.json` (docs/pack-registry.md).
package struct PackIndex: Sendable {
    /// Why a text is no index that can be read.
    package enum Invalid: Error {
        /// It is nothing of the kind.
        case noIndex
        /// It is of another format, such as one that a later Easel writes.
        case otherFormat
        /// The entry of this number, counted from 1, is malformed.
        case entry(Int)

        /// A sentence for an operator, without a word of the upstream's; nil where nothing is said.
        var sentence: String? {
            switch self {
            case .noIndex: nil
            case .otherFormat:
                "\(PackIndex.fileName) is not of the format \(PackIndex.format), the only one "
                    + "that this server reads."
            case .entry(let number):
                "Entry \(number) of \(PackIndex.fileName) is malformed; make the index again with "
                    + "'easel packs index'."
            }
        }
    }

    /// One version of one pack.
    package struct Entry: Sendable, Hashable {
        /// The pack's name.
        package let name: String
        /// The pack's version.
        package let version: String
        /// `sha256:<hex>` over the pack's files, as `PackDraft.digest`: what says that two are one.
        package let digest: String
        /// Where the archive is: relative to the index, or a URL.
        package let archive: String
        /// `sha256:<hex>` of the archive's bytes.
        package let archiveDigest: String
        /// The length of the archive in bytes.
        package let size: Int
        /// Whether it may be used.
        package let state: PackState
    }

    /// The name of the file.
    package static let fileName = "index.json"
    /// What the file says of itself.
    static let format = "easel-pack-index/1"

    /// The versions, sorted by name and, within one, as texts of versions.
    package let entries: [Entry]

    /// Reads what a stranger's registry lists.
    package init(_ bytes: [UInt8]) throws(Invalid) {
        let limits = JSONLimits(bytesMax: PackLimits.packIndexBytesMax)
        guard let value = try? JSONParser.parse(bytes, limits: limits),
            value["format"] != nil || value["packs"] != nil
        else { throw .noIndex }
        // What another format means by a list of packs is not for us to guess.
        guard value["format"]?.text == Self.format else { throw .otherFormat }
        guard let items = value["packs"]?.elements, items.count <= PackLimits.packsInIndexMax
        else { throw .noIndex }
        var entries: [Entry] = []
        for (index, item) in items.enumerated() {
            let state = item["state"] ?? .string(PackState.active.rawValue)
            guard let name = item["name"]?.text, let version = item["version"]?.text,
                let digest = item["digest"]?.text, let archive = item["archive"]?.text,
                let archiveDigest = item["archiveDigest"]?.text, PackName.isValid(name),
                (1...PackLimits.versionBytesMax).contains(version.utf8.count),
                // It is shown in messages, also when its pack is refused.
                version.utf8.allSatisfy({ (0x21...0x7E) ~= $0 }),
                archive.utf8.count <= PackLimits.pathBytesMax,
                let state = state.text.flatMap(PackState.init)
            else { throw .entry(index + 1) }
            entries.append(
                Entry(
                    name: name,
                    version: version,
                    digest: digest,
                    archive: archive,
                    archiveDigest: archiveDigest,
                    size: max(0, Int(clamping: item["size"]?.integer ?? 0)),
                    state: state
                )
            )
        }
        self.entries = entries
    }

    /// Writes the index of a folder into it, and an archive beside each pack that is a folder.
    ///
    /// The same packs give the same bytes.
    ///
    /// - Throws: `Refusal` naming the first pack with a fault, or two of one name and version;
    ///   `ArchiveError`, `FileError`.
    @discardableResult
    package static func write(folder: String) throws -> PackIndex {
        var entries: [String: Entry] = [:]
        for source in try PackSource.find(in: folder) {
            let reading = source.read()
            guard let draft = reading.draft else {
                let fault = reading.faults.first?.description ?? "it cannot be read"
                throw Refusal(description: "\(source.name): \(fault)")
            }
            let bytes = try source.archive()
            var file = source.name
            if !source.isArchive {
                file = "\(draft.name)-\(draft.version).tgz"
                try Files.atomicWrite(path: "\(folder)/\(file)", bytes: bytes)
            }
            let entry = Entry(
                name: draft.name,
                version: draft.version,
                digest: draft.digest,
                archive: file,
                archiveDigest: BlobStore.digest(of: bytes),
                size: bytes.count,
                state: .active
            )
            let key = "\(draft.name)\n\(draft.version)"
            // The archive that this command made of a folder beside it is that folder's.
            if let known = entries[key], known.digest != entry.digest {
                throw Refusal(
                    description: "\(known.archive) and \(file) are both \(draft.name) "
                        + "\(draft.version) and differ."
                )
            }
            entries[key] = entries[key] ?? entry
        }
        let index = PackIndex(sorted: Array(entries.values))
        try Files.atomicWrite(
            path: "\(folder)/\(fileName)",
            bytes: index.jsonBytes() + [UInt8(ascii: "\n")]
        )
        return index
    }

    /// Why a folder has no index.
    package struct Refusal: Error, CustomStringConvertible {
        /// A sentence for the operator.
        package let description: String
    }

    private init(sorted entries: [Entry]) {
        self.entries = entries.sorted {
            $0.name == $1.name
                ? PackStore.newer($1.version, than: $0.version) : $0.name < $1.name
        }
    }
}

extension PackIndex: JSONWritable {
    /// Writes the file.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("format", Self.format)
            writer.field(
                "packs",
                array: { writer in
                    for entry in entries {
                        writer.object { writer in
                            writer.field("name", entry.name)
                            writer.field("version", entry.version)
                            writer.field("digest", entry.digest)
                            writer.field("archive", entry.archive)
                            writer.field("archiveDigest", entry.archiveDigest)
                            writer.field("size", entry.size)
                            if entry.state != .active {
                                writer.field("state", entry.state.rawValue)
                            }
                        }
                    }
                }
            )
        }
    }
}
