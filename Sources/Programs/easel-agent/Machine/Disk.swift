import Archive
import Glibc

/// What the agent asks of a file system.
///
/// Each requirement is one step that a power cut leaves done or not done; a test cuts between any
/// two of them.
protocol Disk: Sendable {
    /// The bytes of a file, nil when nothing has that name.
    func read(_ path: String, bytesMax: Int) throws -> [UInt8]?
    /// Makes or replaces a file at one stroke.
    func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws
    /// Makes one folder; one that is there stays as it is.
    func makeFolder(_ path: String, mode: UInt32) throws
    /// The names in a folder, sorted; none when there is no such folder.
    func names(in folder: String) throws -> [String]
    /// What has the name; a symbolic link is not followed.
    func kind(of path: String) throws -> DiskEntry?
    /// A text that changes when the file is written anew; nil when there is none.
    func signature(of path: String) throws -> String?
    /// Gives a file or folder another name, which must be free.
    func rename(_ path: String, to other: String) throws
    /// Exchanges two names; false when the file system cannot.
    func exchange(_ one: String, _ other: String) throws -> Bool
    /// Removes a file or a link.
    func removeFile(_ path: String) throws
    /// Removes an empty folder.
    func removeFolder(_ path: String) throws
    /// Makes what was done to the names in a folder outlast a power cut.
    func sync(folder: String) throws
}

/// What stands under a name.
enum DiskEntry: Sendable, Hashable {
    case file
    case folder
    /// A link, socket, device or pipe.
    case other
}

extension Disk {
    /// Removes a file, or a folder with all that is in it; nothing there is no error.
    func removeTree(_ path: String) throws {
        switch try kind(of: path) {
        case nil: return
        case .file, .other: try removeFile(path)
        case .folder:
            for name in try names(in: path) { try removeTree(path + "/" + name) }
            try removeFolder(path)
        }
    }
}

/// The file system of the machine.
struct SystemDisk: Disk {
    func read(_ path: String, bytesMax: Int) throws -> [UInt8]? {
        do throws(FileError) {
            return try Files.read(path, bytesMax: bytesMax)
        } catch {
            if error.number == ENOENT { return nil }
            throw error
        }
    }

    func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws {
        try Files.atomicWrite(path: path, bytes: bytes, mode: mode)
    }

    func makeFolder(_ path: String, mode: UInt32) throws {
        guard mkdir(path, mode) != 0, errno != EEXIST else { return }
        throw DiskError("The folder \(path) cannot be made", errno)
    }

    func names(in folder: String) throws -> [String] {
        guard let stream = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw DiskError("The folder \(folder) cannot be read", errno)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func kind(of path: String) throws -> DiskEntry? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw DiskError("\(path) cannot be examined", errno)
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        default: return .other
        }
    }

    func signature(of path: String) throws -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw DiskError("\(path) cannot be examined", errno)
        }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) "
            + "\(status.st_mtim.tv_nsec)"
    }

    func rename(_ path: String, to other: String) throws {
        guard Glibc.rename(path, other) == 0 else {
            throw DiskError("\(path) cannot be renamed to \(other)", errno)
        }
    }

    func exchange(_ one: String, _ other: String) throws -> Bool {
        do throws(FileError) {
            try Files.exchange(one, other)
            return true
        } catch {
            if error.number == EINVAL || error.number == ENOSYS { return false }
            throw error
        }
    }

    func removeFile(_ path: String) throws {
        guard unlink(path) != 0, errno != ENOENT else { return }
        throw DiskError("\(path) cannot be removed", errno)
    }

    func removeFolder(_ path: String) throws {
        guard rmdir(path) != 0, errno != ENOENT else { return }
        throw DiskError("The folder \(path) cannot be removed", errno)
    }

    func sync(folder: String) throws {
        let number = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw DiskError("The folder \(folder) cannot be opened", errno) }
        defer { close(number) }
        guard fsync(number) == 0 else {
            throw DiskError("The folder \(folder) cannot be flushed", errno)
        }
    }
}

/// A step that the file system refused.
struct DiskError: Error, CustomStringConvertible {
    let description: String

    init(_ attempt: String, _ number: Int32) {
        description = "\(attempt): \(String(cString: strerror(number)))."
    }
}
