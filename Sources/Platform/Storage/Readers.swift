import Glibc
import Primitives
import Synchronization

/// A connection for reads and the snapshot that may be open on it; used by one thread at a time.
final class Reader {
    let connection: Connection
    private var snapshot: UInt64?
    private var depth = 0

    init(_ connection: Connection) {
        self.connection = connection
    }

    /// Runs the body in a snapshot no older than the last commit that was acknowledged.
    func read<T>(
        _ generation: borrowing Atomic<UInt64>,
        _ now: Timestamp,
        _ body: (borrowing Transaction) throws -> T
    ) throws -> T {
        // A read inside a read sees what the outer one sees.
        if depth == 0 { try refresh(generation) }
        depth += 1
        defer {
            depth -= 1
            if depth == 0, connection.isAutocommit { snapshot = nil }
        }
        return try body(Transaction(connection: connection, effects: nil, now: now))
    }

    /// Ends the snapshot, unless a read is running.
    func endSnapshot() {
        guard depth == 0, snapshot != nil else { return }
        snapshot = nil
        connection.rollBack()
    }

    private func refresh(_ generation: borrowing Atomic<UInt64>) throws(StorageError) {
        // Asked before the snapshot opens: it may then be newer than the number says, which costs
        // one reopening too many, but never older.
        let current = generation.load(ordering: .sequentiallyConsistent)
        if snapshot == current { return }
        endSnapshot()
        try connection.execute("BEGIN")
        snapshot = current
    }
}

/// The reader connections: one for each attached thread, and a few that all others share.
final class Readers: Sendable {
    private struct Pool {
        var idle: [Reader] = []
        var count = 0
        var isClosed = false
        var counters: [StatementCounter] = []
    }

    private let pool = Monitor(Pool())
    private let options: DatabaseOptions
    private let key: pthread_key_t

    init(_ options: DatabaseOptions) throws(StorageError) {
        self.options = options
        var key = pthread_key_t()
        // A thread that ends while attached closes its connection.
        let code = pthread_key_create(&key) { pointer in
            if let pointer { Unmanaged<Reader>.fromOpaque(pointer).release() }
        }
        guard code == 0 else {
            throw StorageError(.other(code: code), "Too many databases are open: \(reason(code)).")
        }
        self.key = key
    }

    deinit {
        pthread_key_delete(key)
    }

    /// Statements that all readers, closed ones too, have run.
    var statementCount: UInt64 {
        pool.withLock { $0.counters.reduce(0) { $0 &+ $1.value } }
    }

    /// Gives the calling thread its own connection.
    func attach() throws(StorageError) {
        guard current == nil else { return }
        let reader = try open()
        pthread_setspecific(key, Unmanaged.passRetained(reader).toOpaque())
    }

    /// Closes the connection of the calling thread.
    func detach() {
        guard let pointer = pthread_getspecific(key) else { return }
        pthread_setspecific(key, nil)
        Unmanaged<Reader>.fromOpaque(pointer).release()
    }

    /// The connection of the calling thread, if it has its own.
    var current: Reader? {
        pthread_getspecific(key).map { Unmanaged<Reader>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Lends a shared connection for the time of the body, waiting for one if all are lent.
    func withShared<T>(_ body: (Reader) throws -> T) throws -> T {
        let reader = try borrow()
        // While it has this one, the thread's inner reads use it too, or they could wait for
        // themselves.
        pthread_setspecific(key, Unmanaged.passUnretained(reader).toOpaque())
        defer {
            pthread_setspecific(key, nil)
            reader.endSnapshot()
            giveBack(reader)
        }
        return try body(reader)
    }

    /// Closes the shared connections; later reads are refused.
    func close() {
        pool.withLock { pool in
            pool.isClosed = true
            pool.count -= pool.idle.count
            pool.idle = []
        }
        pool.wakeAll()
    }

    var isClosed: Bool { pool.withLock { $0.isClosed } }

    private enum Loan {
        case idle(Reader), new, closed
    }

    private func borrow() throws(StorageError) -> Reader {
        let loan = pool.wait { pool -> Loan? in
            if pool.isClosed { return .closed }
            if let reader = pool.idle.popLast() { return .idle(reader) }
            guard pool.count < max(options.readerPoolMax, 1) else { return nil }
            pool.count += 1
            return .new
        }
        switch loan {
        case .idle(let reader): return reader
        case .new:
            do throws(StorageError) {
                return try open()
            } catch {
                pool.withLock { $0.count -= 1 }
                pool.wakeAll()
                throw error
            }
        case .closed, nil: throw StorageError(.closed, "The database is closed.")
        }
    }

    private func giveBack(_ reader: Reader) {
        pool.withLock { pool in
            if pool.isClosed { pool.count -= 1 } else { pool.idle.append(reader) }
        }
        pool.wakeAll()
    }

    private func open() throws(StorageError) -> Reader {
        let connection = try Connection(options, .reader)
        let counter = connection.counter
        pool.withLock { $0.counters.append(counter) }
        return Reader(connection)
    }
}
