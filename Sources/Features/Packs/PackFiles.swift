import Archive

/// The files of one pack, by their path inside it.
///
/// Made from an archive or a folder that Archive has read: no path leads upwards, none is a link.
struct PackFiles: Sendable {
    private let archive: Archive
    /// What stands in front of every path: empty, or the one folder that the archive holds.
    private let prefix: String

    /// - Parameter archive: files at its top, or all in one folder, as `tar` and web sites make
    ///   them.
    init(_ archive: Archive) {
        self.archive = archive
        if archive["pack.json"] != nil {
            prefix = ""
            return
        }
        let tops = Set(
            archive.entries.compactMap { entry in
                entry.path.split(separator: "/").first.map(String.init)
            }
        ).filter { !$0.hasPrefix("._") && $0 != "__MACOSX" }
        // Without any pack.json the folder still is the pack, and only that file is missing.
        let only = tops.count == 1 ? tops.first : nil
        let holding = tops.filter { archive[$0 + "/pack.json"] != nil }
        let folder = holding.count == 1 ? holding.first : only
        prefix = folder.map { archive[$0]?.kind == .file ? "" : $0 + "/" } ?? ""
    }

    /// The paths of all files, in the archive's order, without what desktop systems leave behind.
    var paths: [String] {
        archive.entries.compactMap { entry in
            guard entry.kind == .file, entry.path.hasPrefix(prefix) else { return nil }
            let path = String(entry.path.dropFirst(prefix.count))
            let isLitter = path.split(separator: "/").contains { part in
                part.hasPrefix("._") || part == ".DS_Store" || part == "__MACOSX"
            }
            return isLitter ? nil : path
        }
    }

    func contains(_ path: String) -> Bool { size(path) != nil }

    /// The length of a file; nil when there is no such file.
    func size(_ path: String) -> Int? {
        guard let entry = archive[prefix + path], entry.kind == .file else { return nil }
        return entry.size
    }

    /// The bytes of a file; nil when there is no such file.
    func contents(_ path: String) -> [UInt8]? {
        archive.contents(at: prefix + path)
    }

    /// What a pack may cost to read.
    static let limits = ArchiveLimits(
        entriesMax: PackLimits.fileCountMax,
        bytesMax: PackLimits.packBytesMax,
        pathBytesMax: PackLimits.pathBytesMax
    )
}
