import CSQLite
import Primitives
import Synchronization

/// The one database of a server: many readers, one writer, commits shared by those who wait.
package final class Database: Sendable {
    /// "Easl", in the header of every database file of this program.
    static let applicationID: Int32 = 0x4561_736C

    /// The file.
    package let path: String
    /// Unix seconds when the database was made, or a restored copy was first opened; only grows.
    package let epoch: Int64
    /// The counter as the present epoch began; 0 unless the database was restored.
    package let epochStartCounter: Int64

    let options: DatabaseOptions
    private let writer: Writer
    private let readers: Readers
    private let lock: Mutex<DataLock?>

    /// Opens the database, making it if need be, and brings its schema up to date.
    ///
    /// Makes the directory too, but not the ones above it. A file of up to 16 MiB is checked
    /// whole; a larger one would hold up the start for too long, so only its own bookkeeping is.
    ///
    /// - Throws: `.locked` when another process has the directory, `.newerSchema`,
    ///   `.changedMigration`, `.corrupt` for a damaged or a foreign file, `.ioError`.
    package static func open(_ options: DatabaseOptions) throws(StorageError) -> Database {
        try Database(options)
    }

    private init(_ options: DatabaseOptions) throws(StorageError) {
        try DataFile.prepare(options)
        let lock = try DataLock(directory: options.directory)
        let connection = try Self.connect(options)
        let start = try EpochStart.begin(connection, options.clock)
        path = options.path
        epoch = start.epoch
        epochStartCounter = start.counter
        self.options = options
        readers = try Readers(options)
        writer = try Writer(connection, options)
        self.lock = Mutex(lock)
    }

    deinit {
        close()
    }

    private static func connect(
        _ options: DatabaseOptions
    ) throws(StorageError) -> sending Connection {
        let connection = try Connection(options, .writer)
        try DataFile.check(connection, options)
        guard try connection.texts("PRAGMA journal_mode = WAL") == ["wal"] else {
            throw StorageError(.ioError, "\(options.path): this file system takes no shared log.")
        }
        try connection.script(
            """
            PRAGMA synchronous = \(options.synchronous.rawValue);
            PRAGMA foreign_keys = ON;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = \(StorageLimits.logBytesMax);
            """
        )
        try Migrator(connection: connection, migrations: options.migrations, clock: options.clock)
            .run()
        return connection
    }

    /// Gives the calling thread a reader connection of its own, until it detaches or ends.
    ///
    /// Its reads share one snapshot until ``endSnapshot()``; without a call of that the write-ahead
    /// log cannot be emptied, so an event loop calls it before it goes to sleep.
    package func attachReader() throws(StorageError) {
        try readers.attach()
    }

    /// Closes the calling thread's own reader connection.
    package func detachReader() {
        readers.detach()
    }

    /// Lets go of the snapshot of the calling thread's own reader connection, if one is open.
    package func endSnapshot() {
        readers.current?.endSnapshot()
    }

    /// Reads in one snapshot, which holds every write that was acknowledged before.
    ///
    /// Runs on the calling thread and never waits for a writer. A thread without a connection of
    /// its own uses a shared one, and waits when all of these are in use.
    ///
    /// - Throws: `.closed`, errors of the statements, and what the body throws.
    package func read<T>(_ body: (borrowing Transaction) throws -> T) throws -> T {
        let now = options.clock.now()
        do {
            if let own = readers.current {
                if readers.isClosed { throw StorageError(.closed, "The database is closed.") }
                return try own.read(writer.generation, now, body)
            }
            // A shared connection may have to be opened, and would open another database.
            if let failure, failure.kind == .replaced { throw failure }
            return try readers.withShared { try $0.read(writer.generation, now, body) }
        } catch {
            if let error = error as? StorageError { writer.note(error) }
            throw error
        }
    }

    /// Runs the body on the writer's thread and returns when what it wrote is durable.
    ///
    /// The body's own error rolls back the body alone. Cancelling the task does not take back a
    /// write that is queued. The body must not wait for another write. Under a ``Rehearsal`` the
    /// body is tried and taken back.
    ///
    /// - Throws: what the body throws; `.overloaded` at once when too many writes wait; `.closed`;
    ///   the error of the commit, which all who shared it get.
    @discardableResult
    package func write<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) async throws -> T {
        let body = Rehearsal.current?.attempt(body) ?? body
        let start = MonotonicTime.now()
        defer { WriteWait.current?.add(MonotonicTime.now().nanoseconds(since: start)) }
        return try await withCheckedThrowingContinuation { continuation in
            let job = ValueJob(body) { continuation.resume(with: $0) }
            if let refusal = writer.submit(job) { continuation.resume(throwing: refusal) }
        }
    }

    /// As ``write(_:)``, holding up the calling thread; for commands and tests.
    @discardableResult
    package func writeBlocking<T: Sendable>(
        _ body: @escaping @Sendable (borrowing Transaction) throws -> T
    ) throws -> T {
        if writer.isCurrentThread {
            throw StorageError(.other(code: 0), "A write cannot wait for another write.")
        }
        let answer = Monitor<Result<T, any Error>?>(nil)
        let job = ValueJob(body) { result in
            answer.withLock { $0 = result }
            answer.wakeAll()
        }
        if let refusal = writer.submit(job) { throw refusal }
        guard let result = answer.wait(until: { $0 }) else {
            throw StorageError(.closed, "The database is closed.")
        }
        return try result.get()
    }

    /// Commits what is queued, empties the log, closes the shared connections, frees the directory.
    ///
    /// Threads with a reader of their own detach before. May be called more than once.
    package func close() {
        readers.close()
        writer.close()
        lock.withLock { $0 = nil }
    }

    var isClosed: Bool { readers.isClosed }

    /// Whether the disk does what it is asked, as far as the last reads and writes tell.
    package var isHealthy: Bool { writer.failure == nil }

    /// Why the disk or a file fails at present; nil while both work.
    ///
    /// The writer tries again once a second by itself. After `.corrupt` and `.replaced` it does
    /// not: every write is refused until the database is opened anew.
    package var failure: StorageError? { writer.failure }

    /// The sizes of the database's file and of its write-ahead log, in bytes.
    package var fileBytes: (database: Int, log: Int) {
        (DataFile.bytes(path), DataFile.bytes(path + "-wal"))
    }

    /// What the database has done since it was opened.
    package var statistics: Statistics {
        var result = Statistics()
        result.readStatements = readers.statementCount
        result.writeStatements = writer.counter.value
        result.queueLength = writer.queueLength
        writer.statistics.withLock { writer in
            result.commits = writer.commits
            result.jobs = writer.jobs
            result.largestBatch = writer.largestBatch
            result.batchCounts = writer.batchCounts
            result.lastCommitMicroseconds = writer.lastCommitMicroseconds
            result.commitBuckets = writer.buckets
            result.commitMicrosecondsTotal = writer.commitMicrosecondsTotal
        }
        return result
    }
}
