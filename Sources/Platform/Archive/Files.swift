import Glibc

/// Why a file could not be read or written.
package struct FileError: Error, Hashable, CustomStringConvertible {
    /// The path concerned.
    package let path: String
    /// The system's `errno`.
    package let number: Int32
    /// What was tried, as the beginning of a sentence.
    package let attempt: String

    /// One sentence for a log.
    package var description: String { "\(path): \(attempt): \(text(ofError: number))." }
}

/// Whole files, read under a limit and replaced at one stroke.
package enum Files {
    /// Replaces a file so that after a crash either the old or the new contents are there.
    ///
    /// Writes a new file in the same folder, flushes it, renames it over the path and flushes the
    /// folder. The new file has exactly `mode`, whatever the umask.
    ///
    /// - Throws: `FileError`; the old file is then unchanged unless only the last flush failed.
    package static func atomicWrite(
        path: String,
        bytes: [UInt8],
        mode: UInt32 = 0o644
    ) throws(FileError) {
        let cut = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let suffix = String(UInt64.random(in: .min ... .max), radix: 36)
        let temporary = "\(folder)/.\(suffix).tmp"
        do throws(FileError) {
            try write(bytes, toNewFile: temporary, mode: mode)
            guard rename(temporary, path) == 0 else {
                throw FileError(path: path, number: errno, attempt: "The file cannot be replaced")
            }
        } catch {
            unlink(temporary)
            // The caller knows nothing of the file beside the one that he named.
            throw FileError(path: path, number: error.number, attempt: error.attempt)
        }
        guard let handle = Descriptor(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
            fsync(handle.number) == 0
        else {
            throw FileError(path: folder, number: errno, attempt: "The folder cannot be flushed")
        }
    }

    /// Reads a whole regular file.
    ///
    /// - Throws: `FileError`; `EFBIG` when the file is longer than `bytesMax`.
    package static func read(_ path: String, bytesMax: Int) throws(FileError) -> [UInt8] {
        guard let file = Descriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) else {
            throw FileError(path: path, number: errno, attempt: "The file cannot be opened")
        }
        var status = stat()
        guard fstat(file.number, &status) == 0 else {
            throw FileError(path: path, number: errno, attempt: "The file cannot be examined")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(path: path, number: EINVAL, attempt: "The path is no regular file")
        }
        var bytes: [UInt8] = []
        do throws(FileError) {
            try append(file.number, to: &bytes, bytesMax: bytesMax)
        } catch {
            throw FileError(path: path, number: error.number, attempt: error.attempt)
        }
        return bytes
    }

    /// Appends what is left of an open file, which may grow meanwhile.
    static func append(
        _ file: Int32,
        to bytes: inout [UInt8],
        bytesMax: Int
    ) throws(FileError) {
        let pieceBytes = 64 << 10
        var left = bytesMax
        while true {
            let count = withUnsafeTemporaryAllocation(byteCount: pieceBytes, alignment: 1) {
                piece in
                let count = retrying { Glibc.read(file, piece.baseAddress, pieceBytes) }
                if count > 0 {
                    bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[..<count]))
                }
                return count
            }
            guard count >= 0 else {
                throw FileError(path: "", number: errno, attempt: "The file cannot be read")
            }
            guard count > 0 else { return }
            guard count <= left else {
                throw FileError(path: "", number: EFBIG, attempt: "The file is too long")
            }
            left -= count
        }
    }

    private static func write(
        _ bytes: [UInt8],
        toNewFile path: String,
        mode: UInt32
    ) throws(FileError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        // Nobody else may open the file before it has its own mode.
        guard let file = Descriptor(open(path, flags, 0o600)) else {
            throw FileError(path: path, number: errno, attempt: "The file cannot be created")
        }
        var at = 0
        while at < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                retrying {
                    Glibc.write(file.number, buffer.baseAddress.map { $0 + at }, bytes.count - at)
                }
            }
            guard count > 0 else {
                throw FileError(path: path, number: errno, attempt: "The file cannot be written")
            }
            at += count
        }
        guard fchmod(file.number, mode) == 0, fsync(file.number) == 0 else {
            throw FileError(path: path, number: errno, attempt: "The file cannot be flushed")
        }
    }
}
