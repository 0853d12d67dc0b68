import Archive

/// Where one pack is read from: a folder or an archive of the file system.
package struct PackSource: Sendable {
    private enum Kind: Sendable {
        case folder, archive
    }

    /// The last part of the path.
    package let name: String
    private let path: String
    private let kind: Kind

    /// The packs of a folder, sorted by name; the folder itself when it is a pack, or the archive
    /// that the path names.
    ///
    /// Files that are no archives, and whatever begins with a dot, are passed over.
    ///
    /// - Throws: `ArchiveError` when the folder cannot be listed or holds too much.
    package static func find(in path: String) throws(ArchiveError) -> [PackSource] {
        if isArchive(path) {
            return [PackSource(name: PackName.file(path), path: path, kind: .archive)]
        }
        let entries = try FolderReader.list(path, countMax: PackLimits.packsInFolderMax)
        if entries.contains(where: { $0.name == "pack.json" && $0.kind == .file }) {
            return [PackSource(name: PackName.file(path), path: path, kind: .folder)]
        }
        var sources: [PackSource] = []
        for entry in entries where !entry.name.hasPrefix(".") {
            let inner = path + "/" + entry.name
            if entry.kind == .directory {
                sources.append(PackSource(name: entry.name, path: inner, kind: .folder))
            } else if isArchive(entry.name) {
                sources.append(PackSource(name: entry.name, path: inner, kind: .archive))
            }
        }
        return sources
    }

    /// Reads the pack; what is wrong with the file itself is a fault like any other.
    package func read() -> PackReading {
        switch kind {
        case .folder: return PackManifestReader.read(folder: path)
        case .archive:
            do throws(FileError) {
                let bytes = try Files.read(path, bytesMax: PackLimits.archiveBytesMax)
                return PackManifestReader.read(archive: bytes)
            } catch {
                let fault = PackFault("", "", "Unreadable", "\(error.description)")
                return PackReading(
                    draft: nil,
                    name: "",
                    version: "",
                    faults: [fault],
                    warnings: []
                )
            }
        }
    }

    /// The pack as one archive: what is sent to a server.
    ///
    /// - Throws: `ArchiveError` when it cannot be read or holds what no pack may hold; `FileError`
    ///   when the archive cannot be read.
    package func archive() throws -> [UInt8] {
        guard kind == .folder else {
            return try Files.read(path, bytesMax: PackLimits.archiveBytesMax)
        }
        let folder = try FolderReader.read(path, limits: PackFiles.limits)
        var tar = TarWriter()
        for entry in folder.entries where entry.kind == .file {
            try tar.addFile(entry.path, folder.contents(of: entry))
        }
        return Gzip.compress(tar.finish())
    }

    /// Whether it is read from an archive, not from a folder.
    var isArchive: Bool { kind == .archive }

    private static func isArchive(_ name: String) -> Bool {
        [".tgz", ".tar.gz", ".tar"].contains { name.hasSuffix($0) }
    }
}
