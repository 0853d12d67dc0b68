import CSQLite
import CSystem
import Glibc
import Primitives

extension Database {
    /// Copies the database, as it is at one moment, into a new file while the server runs on.
    ///
    /// The copy is marked: its first opening begins a new epoch. It appears under its name only
    /// when it is complete and on the disk. Holds up the calling thread, not the writer.
    ///
    /// - Throws: `.ioError` when the file exists or cannot be written, `.full`, `.closed`.
    package func backup(to path: String) throws(StorageError) {
        if isClosed { throw StorageError(.closed, "The database is closed.") }
        try Self.backup(of: options, to: path) { isClosed }
    }

    /// As ``backup(to:)``, of a database that another process may have open: a command beside a
    /// running server.
    ///
    /// - Throws: `.ioError` also when there is no database.
    package static func backup(of source: String, to path: String) throws(StorageError) {
        guard access(source, R_OK) == 0 else {
            throw StorageError(.ioError, "\(source) cannot be read; is this the data directory?")
        }
        try backup(of: DatabaseOptions(path: source), to: path) { false }
    }

    /// Copies an open database whose file has lost its name into a new file.
    ///
    /// Unlike a backup it is the database itself and begins no new epoch.
    static func rescue(_ connection: Connection, to path: String) throws(StorageError) {
        try makeFile(path) { partial throws(StorageError) in
            _ = try copy(connection, into: partial) { false }
        }
    }

    private static func backup(
        of options: DatabaseOptions,
        to path: String,
        until isStopped: () -> Bool
    ) throws(StorageError) {
        try makeFile(path) { partial throws(StorageError) in
            let source = try Connection(options, .reader)
            // With a read transaction open the source stands still; without one, every commit of
            // the writer would make the copy begin again.
            try source.execute("BEGIN")
            _ = try source.number("SELECT count(*) FROM sqlite_schema")
            defer { source.rollBack() }
            let target = try copy(source, into: partial, until: isStopped)
            try target.execute("INSERT INTO meta (key, value) VALUES ('is_copy', 1)")
        }
    }

    /// Lets the body fill a new file, which gets its name when it is complete and on the disk.
    private static func makeFile(
        _ path: String,
        _ fill: (_ partial: String) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard access(path, F_OK) != 0 else {
            throw StorageError(.ioError, "\(path) exists; a backup overwrites nothing.")
        }
        let partial = "\(path).\(Hex.encode(RandomBytes.make(4))).partial"
        do throws(StorageError) {
            let descriptor = Glibc.open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw StorageError(.ioError, "\(path) cannot be made: \(reason(errno)).")
            }
            Glibc.close(descriptor)
            try fill(partial)
            try sync(partial, named: path)
            let code = easel_rename_new(partial, path)
            guard code == 0 else {
                throw StorageError(.ioError, "\(path) cannot be made: \(reason(code)).")
            }
        } catch {
            unlink(partial)
            throw error
        }
        let folder = DatabaseOptions(path: path, migrations: []).directory
        try sync(folder, named: folder)
    }

    private static func copy(
        _ source: Connection,
        into partial: String,
        until isStopped: () -> Bool
    ) throws(StorageError) -> Connection {
        let target = try Connection(DatabaseOptions(path: partial, migrations: []), .writer)
        guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main") else {
            throw StorageError(
                code: sqlite3_errcode(target.handle),
                on: target.handle,
                statement: "backup"
            )
        }
        var code = SQLITE_OK
        while code == SQLITE_OK {
            if isStopped() { break }
            code = sqlite3_backup_step(backup, StorageLimits.backupPagesPerStep)
        }
        let finished = sqlite3_backup_finish(backup)
        if code == SQLITE_OK { throw StorageError(.closed, "The database is closed.") }
        guard code == SQLITE_DONE, finished == SQLITE_OK else {
            throw StorageError(
                code: code == SQLITE_DONE ? finished : code,
                on: target.handle,
                statement: "backup"
            )
        }
        // One file without a log beside it, whatever the source had.
        guard try target.texts("PRAGMA journal_mode = DELETE") == ["delete"] else {
            throw StorageError(.ioError, "The copy keeps its log.")
        }
        return target
    }

    private static func sync(_ path: String, named name: String) throws(StorageError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StorageError(.ioError, "\(name) cannot be opened: \(reason(errno)).")
        }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw StorageError(.ioError, "\(name) cannot be synced: \(reason(errno)).")
        }
    }
}
