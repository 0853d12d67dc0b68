import Glibc

/// The lock that gives one process a data directory.
///
/// An advisory lock on a file that is never removed: the kernel lets go of it however the process
/// ends, and a file that came and went could be locked twice. The file holds the owner's process
/// id, for the message only.
struct DataLock: ~Copyable {
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Throws: `.locked` with the owner's process id, or `.ioError`.
    init(directory: String) throws(StorageError) {
        let path = directory + "/easel.lock"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            throw StorageError(.ioError, "\(path) cannot be opened: \(reason(errno)).")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let owner = Self.owner(opened)
            Glibc.close(opened)
            throw StorageError(
                .locked(pid: owner),
                "\(directory) is in use by process \(owner); only one server can have it."
            )
        }
        let text = Array("\(getpid())\n".utf8)
        if ftruncate(opened, 0) != 0 || pwrite(opened, text, text.count, 0) != text.count {
            // The number is only a help for people; the lock holds without it.
        }
        descriptor = opened
    }

    deinit {
        // The lock belongs to the open file, and a process being started holds a copy of that until
        // it runs its program: closing alone would keep the directory locked so long.
        flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    private static func owner(_ descriptor: Int32) -> Int32 {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return 0 }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != 0x0A }, as: UTF8.self)) ?? 0
    }
}
