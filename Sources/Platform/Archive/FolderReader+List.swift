import Glibc

extension FolderReader {
    /// One thing that lies directly in a folder.
    package struct Listed: Sendable, Hashable {
        /// The name, without the path to the folder.
        package let name: String
        /// File or folder.
        package let kind: ArchiveEntry.Kind
    }

    /// What lies directly in a folder, sorted by name.
    ///
    /// Only plain files and folders are listed; links are not followed.
    ///
    /// - Throws: `ArchiveError`: `.system` when the system fails, `.tooLarge` beyond `countMax`.
    package static func list(
        _ path: String,
        countMax: Int
    ) throws(ArchiveError) -> [Listed] {
        guard let stream = opendir(path) else {
            throw ArchiveError(
                .system(errno),
                "The folder cannot be listed: \(text(ofError: errno)).",
                entry: path
            )
        }
        defer { closedir(stream) }
        var found: [Listed] = []
        while let entry = readdir(stream) {
            let raw = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            guard let name = String(validating: raw, as: UTF8.self), name != ".", name != ".."
            else { continue }
            var status = stat()
            guard fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFREG: found.append(Listed(name: name, kind: .file))
            case S_IFDIR: found.append(Listed(name: name, kind: .directory))
            default: continue
            }
            guard found.count <= countMax else {
                throw ArchiveError(.tooLarge, "The folder has more than \(countMax) entries.")
            }
        }
        return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}
