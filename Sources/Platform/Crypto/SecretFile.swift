import Glibc
import Primitives

/// A file that holds a key, or stands beside one, and cannot be used.
package struct SecretFileError: Error, Hashable, CustomStringConvertible {
    /// The file.
    package var path: String
    /// What is wrong with it, and what to do, for an operator.
    package var problem: String

    /// Names the file and what is wrong with it.
    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    /// The path and the problem in one line.
    package var description: String { "\(path): \(problem)" }

    static func system(_ path: String, _ action: String, _ code: Int32) -> SecretFileError {
        SecretFileError(path: path, problem: "cannot \(action): \(String(cString: strerror(code)))")
    }
}

/// Small files that are written whole, and read whole or not at all.
package enum SecretFile {
    /// The largest file that is read; keys and certificate chains are far smaller.
    package static let bytesMax = 1 << 20

    /// Who may read a file.
    package enum Access: Sendable {
        /// Its owner only: 0600.
        case owner
        /// Everybody: 0644.
        case everybody

        var mode: mode_t { self == .owner ? 0o600 : 0o644 }
    }

    /// The content, or nil when there is no such file.
    ///
    /// - Throws: when it is no regular file, is too large, cannot be read, or, with `.owner`, when
    ///   its mode lets group or others in.
    package static func read(
        _ path: String,
        _ access: Access
    ) throws(SecretFileError) -> [UInt8]? {
        // Not blocking: opening a named pipe would wait for its other end.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw .system(path, "open", errno)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .system(path, "look at", errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SecretFileError(path: path, problem: "is no regular file")
        }
        if access == .owner, status.st_mode & 0o077 != 0 {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw SecretFileError(
                path: path,
                problem: "holds a key, but its mode \(mode) lets others in; run chmod 600 on it"
            )
        }
        guard status.st_size <= bytesMax else {
            throw SecretFileError(path: path, problem: "is larger than \(bytesMax) bytes")
        }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while content.count <= bytesMax {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(path, "read", errno) }
            guard count > 0 else { break }
            content += chunk[..<count]
        }
        return content
    }

    /// Writes a file whole: under a passing name first, synced, then given its name, so that
    /// nobody ever reads half of it and a crash leaves the old one or the new one.
    ///
    /// - Parameter replacing: when false and the file exists, it stays as it is.
    package static func write(
        _ content: [UInt8],
        to path: String,
        _ access: Access,
        replacing: Bool
    ) throws(SecretFileError) {
        let passing = "\(path).\(Hex.encode(RandomBytes.make(6))).new"
        let file = open(passing, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, access.mode)
        guard file >= 0 else { throw .system(path, "make", errno) }
        defer { unlink(passing) }
        defer { close(file) }
        try put(content, file, path)
        // The mask of the process may have taken bits away that everybody should have.
        guard fchmod(file, access.mode) == 0, fsync(file) == 0 else {
            throw .system(path, "write", errno)
        }
        if replacing {
            guard rename(passing, path) == 0 else { throw .system(path, "replace", errno) }
        } else if link(passing, path) != 0, errno != EEXIST {
            throw .system(path, "make", errno)
        }
        syncFolder(of: path)
    }

    private static func put(
        _ content: [UInt8],
        _ file: Int32,
        _ path: String
    ) throws(SecretFileError) {
        var written = 0
        while written < content.count {
            let count = content[written...].withUnsafeBytes {
                Glibc.write(file, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system(path, "write", errno) }
            written += count
        }
    }

    private static func syncFolder(of path: String) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { path[...$0] } ?? "."
        let file = open(String(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { return }
        fsync(file)
        close(file)
    }
}
