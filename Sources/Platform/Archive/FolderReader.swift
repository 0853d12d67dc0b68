import Glibc

/// Reads an unpacked pack from a folder, under the rules of an archive.
///
/// Nothing is followed: a symbolic link, device, pipe or socket anywhere below refuses the whole
/// folder. Names are visited in sorted order, so equal folders give equal entries.
package struct FolderReader {
    /// Reads a folder and everything below.
    ///
    /// - Throws: `ArchiveError` naming the entry and the reason; `.system` when the system fails.
    package static func read(
        _ path: String,
        limits: ArchiveLimits = ArchiveLimits()
    ) throws(ArchiveError) -> Archive {
        // The operator may name the folder itself through a link.
        guard let folder = Descriptor(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) else {
            throw failure(errno, "The folder cannot be opened", entry: path)
        }
        var reader = FolderReader(limits: limits)
        try reader.visit(folder, prefix: "", depth: 1)
        return Archive(entries: reader.collector.entries, bytes: reader.bytes)
    }

    private let limits: ArchiveLimits
    private var collector: EntryCollector
    private var bytes: [UInt8] = []
    private var entriesLeft: Int

    private init(limits: ArchiveLimits) {
        self.limits = limits
        collector = EntryCollector(limits: limits)
        entriesLeft = limits.entriesMax
    }

    private mutating func visit(
        _ folder: borrowing Descriptor,
        prefix: String,
        depth: Int
    ) throws(ArchiveError) {
        // Every level holds a descriptor and a stack frame.
        guard depth <= limits.pathPartsMax else {
            throw ArchiveError(.unsafe, "The folders are nested too deeply.", entry: prefix)
        }
        for name in try names(in: folder, prefix) {
            let path = prefix.isEmpty ? name : prefix + "/" + name
            // Without O_NONBLOCK opening a pipe would wait for its other end.
            let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
            guard let entry = Descriptor(openat(folder.number, name, flags)) else {
                if errno == ELOOP || errno == ENXIO {
                    throw ArchiveError(
                        .unsafe,
                        "Links and sockets are not taken.",
                        entry: path
                    )
                }
                throw Self.failure(errno, "The entry cannot be opened", entry: path)
            }
            var status = stat()
            guard fstat(entry.number, &status) == 0 else {
                throw Self.failure(errno, "The entry cannot be examined", entry: path)
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG:
                let start = bytes.count
                try appendContents(of: entry, path)
                try collector.add(
                    Array(path.utf8),
                    .file,
                    isExecutable: status.st_mode & S_IXUSR != 0,
                    range: start..<bytes.count
                )
            case S_IFDIR:
                try collector.add(
                    Array(path.utf8),
                    .directory,
                    isExecutable: true,
                    range: bytes.count..<bytes.count
                )
                try visit(entry, prefix: path, depth: depth + 1)
            default:
                throw ArchiveError(
                    .unsafe,
                    "The entry is neither a file nor a folder.",
                    entry: path
                )
            }
        }
    }

    private mutating func names(
        in folder: borrowing Descriptor,
        _ path: String
    ) throws(ArchiveError) -> [String] {
        // The stream owns its descriptor, so it gets one of its own.
        let copy = fcntl(folder.number, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0, let stream = fdopendir(copy) else {
            let number = errno
            if copy >= 0 { close(copy) }
            throw Self.failure(number, "The folder cannot be listed", entry: path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            // The end of the folder and an error look alike but for errno.
            errno = 0
            guard let entry = readdir(stream) else { break }
            let raw = Self.name(of: entry)
            if raw == [UInt8(ascii: ".")] || raw == Array("..".utf8) { continue }
            guard let name = String(validating: raw, as: UTF8.self) else {
                throw ArchiveError(
                    .unsafe,
                    "A name is not valid UTF-8.",
                    entry: path + "/" + String(decoding: raw, as: UTF8.self)
                )
            }
            guard entriesLeft > 0 else {
                throw ArchiveError(
                    .tooLarge,
                    "The folder has more than \(limits.entriesMax) entries."
                )
            }
            entriesLeft -= 1
            names.append(name)
        }
        guard errno == 0 else {
            throw Self.failure(errno, "The folder cannot be listed", entry: path)
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func name(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        withUnsafeBytes(of: &entry.pointee.d_name) { field in
            Array(field.prefix { $0 != 0 })
        }
    }

    private mutating func appendContents(
        of file: borrowing Descriptor,
        _ path: String
    ) throws(ArchiveError) {
        let left = limits.bytesMax - bytes.count
        do throws(FileError) {
            try Files.append(file.number, to: &bytes, bytesMax: left)
        } catch {
            if error.number == EFBIG {
                throw ArchiveError(
                    .tooLarge,
                    "The folder holds more than \(limits.bytesMax) bytes.",
                    entry: path
                )
            }
            throw Self.failure(error.number, "The file cannot be read", entry: path)
        }
    }

    private static func failure(_ number: Int32, _ what: String, entry: String) -> ArchiveError {
        ArchiveError(.system(number), "\(what): \(text(ofError: number)).", entry: entry)
    }
}
