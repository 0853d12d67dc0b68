import CSQLite
import Primitives
import Synchronization

/// One SQLite connection with its prepared statements.
///
/// Used by one thread at a time; whoever owns it sees to that.
final class Connection {
    enum Role {
        case writer, reader
    }

    let handle: OpaquePointer
    /// Statements run since it was opened; the only part another thread may look at.
    let counter: StatementCounter
    /// Pages in the write-ahead log after the last commit on this connection.
    private(set) var logPages: Int32 = 0
    private var statements: [SQL.Key: Statement] = [:]
    private var uses: UInt64 = 0

    /// Opens the file, which must exist unless it is the writer that opens it.
    init(
        _ options: DatabaseOptions,
        _ role: Role,
        counter: StatementCounter = StatementCounter()
    ) throws(StorageError) {
        _ = Self.configured
        var opened: OpaquePointer?
        // Readers are opened for writing too, as recovery of the log may fall to any of them;
        // `query_only` keeps them from writing.
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(options.path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let error = StorageError(code: code, on: opened, statement: "open \(options.path)")
            sqlite3_close_v2(opened)
            throw error
        }
        handle = opened
        self.counter = counter
        limitWaiting(milliseconds: StorageLimits.busyTimeoutMilliseconds)
        easel_sqlite_refuse_quoted_strings(handle)
        // Not mapped into memory: there a disk that fails, or a file that is cut short, is a signal
        // that ends the process, and not an error of one read.
        try script(
            """
            PRAGMA trusted_schema = OFF;
            PRAGMA cell_size_check = ON;
            PRAGMA mmap_size = 0;
            """
        )
        switch role {
        case .writer:
            try script("PRAGMA cache_size = -\(StorageLimits.writerCacheKibibytes);")
        case .reader:
            try script(
                """
                PRAGMA cache_size = -\(StorageLimits.readerCacheKibibytes);
                PRAGMA query_only = ON;
                """
            )
        }
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Sets how long a statement waits for another connection's lock.
    func limitWaiting(milliseconds: Int32) {
        sqlite3_busy_timeout(handle, milliseconds)
    }

    /// Runs before the library's first use; too late, it changes nothing.
    private static let configured: Int32 = easel_sqlite_configure()

    /// Whether no transaction is open.
    var isAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }

    /// Rows changed by the last statement that can change rows.
    var changedRows: Int { Int(sqlite3_changes64(handle)) }

    /// Whether a deferred foreign key is violated at this moment.
    var hasUnresolvedForeignKeys: Bool {
        var now: Int32 = 0
        var highest: Int32 = 0
        sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &highest, 0)
        return now != 0
    }

    /// Lends a prepared statement; give it back with ``checkIn(_:)``.
    func checkOut(_ sql: SQL) throws(StorageError) -> Statement {
        counter.increment()
        uses &+= 1
        let key = sql.key
        if let kept = statements[key] {
            // The same statement inside the loop over its own rows: a second one, not kept.
            guard !kept.isBusy else { return try Statement(sql.text, on: handle) }
            kept.isBusy = true
            kept.lastUse = uses
            return kept
        }
        let statement = try Statement(sql.text, on: handle)
        if statements.count >= StorageLimits.cachedStatementsMax {
            let idle = statements.filter { !$0.value.isBusy }
            if let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) {
                statements[oldest.key] = nil
            }
        }
        statement.isBusy = true
        statement.lastUse = uses
        statements[key] = statement
        return statement
    }

    /// Takes a lent statement back.
    func checkIn(_ statement: Statement) {
        statement.reset()
        statement.isBusy = false
    }

    /// Runs one of our own statements that has no parameters and no result.
    func execute(_ sql: SQL) throws(StorageError) {
        let statement = try checkOut(sql)
        defer { checkIn(statement) }
        while try statement.step() {}
    }

    /// The first column of the first row of one of our own queries.
    func number(_ sql: SQL, _ parameters: [Parameter] = []) throws(StorageError) -> Int64? {
        let statement = try checkOut(sql)
        defer { checkIn(statement) }
        try statement.bind(parameters)
        return try statement.step() ? sqlite3_column_int64(statement.pointer, 0) : nil
    }

    /// Runs the statements of a text of our own one after the other.
    func script(_ text: String) throws(StorageError) {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        guard code == SQLITE_OK else {
            throw StorageError(code: code, on: handle, statement: text)
        }
    }

    /// The texts in the first column of one of our own queries.
    func texts(_ query: String) throws(StorageError) -> [String] {
        let statement = try Statement(query, on: handle)
        var texts: [String] = []
        while try statement.step() {
            texts.append(Row(statement: statement.pointer).text(0))
        }
        return texts
    }

    /// Ends the open transaction, if there is one, without keeping anything of it.
    func rollBack() {
        if !isAutocommit { try? execute("ROLLBACK") }
    }

    /// Watches the length of the log and leaves copying it back to the owner.
    func watchLog() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                if let context {
                    Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().logPages = pages
                }
                return SQLITE_OK
            },
            context
        )
    }

    /// How far a checkpoint goes.
    enum Checkpoint: Int32 {
        /// As far as readers let it.
        case passive = 0
        /// To the end, waiting for readers as long as for any lock.
        case full = 1
        /// To the end, and the log is empty then.
        case truncate = 3
    }

    /// Copies the log back into the database's file.
    ///
    /// - Returns: whether all of it was copied.
    @discardableResult
    func checkpoint(_ extent: Checkpoint) throws(StorageError) -> Bool {
        var pages: Int32 = 0
        var copied: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(handle, nil, extent.rawValue, &pages, &copied)
        if code & 0xFF == SQLITE_BUSY {
            logPages = 0
            return false
        }
        guard code == SQLITE_OK else {
            throw StorageError(code: code, on: handle, statement: "checkpoint")
        }
        logPages = 0
        return pages == copied
    }

    /// The first bytes of the database's file, as they are on the disk.
    ///
    /// - Throws: `.ioError`, also when there are not so many.
    func header() throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: StorageLimits.headerBytes)
        let code = easel_sqlite_read_file(handle, &bytes, Int32(StorageLimits.headerBytes))
        guard code == SQLITE_OK else {
            let text = String(cString: sqlite3_errstr(code))
            throw StorageError(
                .ioError,
                code == SQLITE_IOERR | 2 << 8 ? StorageError.shortFile : text,
                statement: "read the header"
            )
        }
        return bytes
    }
}

/// How many statements a connection has run; written by its thread, read by any.
final class StatementCounter: Sendable {
    private let count = Atomic<UInt64>(0)

    var value: UInt64 { count.load(ordering: .relaxed) }

    func increment() {
        // Only one thread writes, so no locked instruction is needed.
        count.store(count.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
