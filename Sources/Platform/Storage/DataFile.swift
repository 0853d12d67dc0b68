import Glibc
import Primitives

/// The database's file before SQLite has a look at it, and its first check.
enum DataFile {
    /// Makes directory and file readable by this user alone, if they are missing.
    ///
    /// SQLite gives its log and its shared index the rights of this file.
    static func prepare(_ options: DatabaseOptions) throws(StorageError) {
        if mkdir(options.directory, 0o700) != 0, errno != EEXIST {
            throw StorageError(
                .ioError,
                "\(options.directory) cannot be made: \(reason(errno))."
            )
        }
        guard access(options.rescuePath, F_OK) != 0 else {
            throw StorageError(
                .replaced,
                """
                it was deleted or replaced while a server ran, and \(options.rescuePath) is what \
                that server had stored. Rename that file to \(options.path) to go on with it, or \
                move it away to go on without.
                """
            )
        }
        let descriptor = open(options.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StorageError(.ioError, "\(options.path) cannot be opened: \(reason(errno)).")
        }
        defer { Glibc.close(descriptor) }
        var header = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &header, header.count, 0)
        // Beside a journal the file may be half written: a first start that lost power. SQLite
        // takes that back when it opens the file, and refuses it itself if it is another one.
        let hasJournal = access(options.path + "-journal", F_OK) == 0
        guard count == 0 || hasJournal || header.elementsEqual("SQLite format 3\0".utf8) else {
            throw StorageError(.corrupt, "\(options.path) is not a database.")
        }
    }

    /// The size of a file; 0 when there is none.
    static func bytes(_ path: String) -> Int {
        var facts = stat()
        return stat(path, &facts) == 0 ? Int(facts.st_size) : 0
    }

    /// Refuses a database of another program, and one that is damaged.
    static func check(_ connection: Connection, _ options: DatabaseOptions) throws(StorageError) {
        let application = try connection.number("PRAGMA application_id") ?? 0
        let tables = try connection.number("SELECT count(*) FROM sqlite_schema") ?? 0
        // The id is written together with the first table, so a start that was cut off before
        // leaves neither.
        if application == 0, tables == 0 { return }
        guard application == Int64(Database.applicationID) else {
            throw StorageError(.corrupt, "\(options.path) is another program's database.")
        }
        let bytes = try connection.number(
            "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        )
        let isSmall = (bytes ?? 0) <= StorageLimits.fullCheckBytesMax
        let checks =
            isSmall
            ? ["PRAGMA quick_check(1)"]
            : ["PRAGMA quick_check(schema_migration)", "PRAGMA quick_check(meta)"]
        for check in checks {
            let findings = try connection.texts(check)
            guard findings == ["ok"] else {
                throw StorageError(
                    .corrupt,
                    "\(options.path) is damaged: \(findings.joined(separator: "; "))."
                )
            }
        }
    }
}
