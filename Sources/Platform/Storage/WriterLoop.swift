import Primitives

/// What the writer's thread does with its connection; lives on that thread only.
final class WriterLoop: @unchecked Sendable {
    /// How a batch ended.
    struct Outcome {
        /// Why all of the batch failed; nil when each job stands for itself.
        var failure: StorageError?
        /// An error of the disk or the file that some job met.
        var impairment: StorageError?
        var didCommit = false
        var commitMicroseconds: Int64 = 0
        var actions: [@Sendable () -> Void] = []
    }

    private var connection: Connection?
    private var files: OpenFiles
    private let rescuePath: String
    private let checkpointIdlePages: Int32
    private let clock: Clock
    /// Why the log could not be copied back the last time; nil when it could.
    private(set) var checkpointFailure: StorageError?

    init(connection: sending Connection, _ options: DatabaseOptions) {
        self.connection = connection
        clock = options.clock
        rescuePath = options.rescuePath
        checkpointIdlePages = options.checkpointIdlePages
        files = OpenFiles(of: connection, path: options.path)
        connection.watchLog()
    }

    /// Runs the jobs in one transaction and commits what succeeded.
    ///
    /// Nobody is told that a job succeeded unless the files were in their places after the commit.
    func commit(_ jobs: [WriteJob]) -> Outcome {
        var outcome = Outcome()
        guard let connection else {
            outcome.failure = StorageError(.closed, "The database is closed.")
            return outcome
        }
        do throws(StorageError) {
            if let lost = look() { throw lost }
            try commit(jobs, on: connection, &outcome)
            if outcome.didCommit, let lost = look(atNamesAlone: true) { throw lost }
        } catch {
            connection.rollBack()
            outcome.failure = error
            outcome.actions = []
            // A lock of another process is waited for; whatever else stops a whole batch is a
            // fault of the disk or the file.
            if error.kind != .busy { outcome.impairment = error }
        }
        return outcome
    }

    private func commit(
        _ jobs: [WriteJob],
        on connection: Connection,
        _ outcome: inout Outcome
    ) throws(StorageError) {
        try connection.execute("BEGIN IMMEDIATE")
        let effects = Effects()
        let tx = Transaction(connection: connection, effects: effects, now: clock.now())
        // A job alone needs no savepoint: when it fails, nothing else is lost with it.
        let isAlone = jobs.count == 1
        var succeeded = 0
        for job in jobs {
            let actionCount = effects.actions.count
            if !isAlone { try connection.execute("SAVEPOINT job") }
            run(job, tx)
            let failure = job.failure as? StorageError
            if let failure, failure.impairsWriting { outcome.impairment = failure }
            // What is written to a damaged file may damage more of it.
            if let failure, failure.isLasting { throw failure }
            // Some errors (disk full, I/O) make SQLite roll back everything, savepoints and all.
            if connection.isAutocommit {
                throw failure
                    ?? StorageError(.other(code: 0), "SQLite rolled the transaction back.")
            }
            if job.failure == nil {
                succeeded += 1
            } else {
                effects.actions.removeLast(effects.actions.count - actionCount)
                if !isAlone { try connection.execute("ROLLBACK TO job") }
            }
            if !isAlone { try connection.execute("RELEASE job") }
        }
        guard succeeded > 0 else { return connection.rollBack() }
        let start = MonotonicTime.now()
        try connection.execute("COMMIT")
        outcome.commitMicroseconds = MonotonicTime.now().nanoseconds(since: start) / 1000
        outcome.didCommit = true
        outcome.actions = effects.actions
    }

    private func run(_ job: WriteJob, _ tx: borrowing Transaction) {
        do {
            try job.run(tx)
            // Deferred keys are judged at the commit, where one job's fault would fail them all.
            if tx.connection.hasUnresolvedForeignKeys {
                throw StorageError(.foreignKey, "FOREIGN KEY constraint failed")
            }
        } catch {
            job.failure = error
        }
    }

    /// Copies the log back into the database when it is long enough for that.
    ///
    /// Done here and not by SQLite after a commit, as there it would hold up the callers of the
    /// commit; after they are answered it costs only those that come next.
    func checkpoint(isIdle: Bool) {
        guard let connection else { return }
        let threshold =
            isIdle ? checkpointIdlePages : StorageLimits.checkpointBusyPages
        guard connection.logPages >= threshold || checkpointFailure != nil else { return }
        // One that fails loses nothing, and is tried again; but the log grows until one succeeds.
        do throws(StorageError) {
            try connection.checkpoint(.passive)
            checkpointFailure = nil
        } catch {
            checkpointFailure = error
        }
        files.noteHeader(of: connection)
    }

    /// Looks whether the files are still the ones that were opened, and saves what it can when
    /// they are not.
    ///
    /// - Parameter atNamesAlone: whether nothing is to be read, which may fail for other reasons.
    func look(atNamesAlone: Bool = false) -> StorageError? {
        guard let connection,
            let finding = files.look(reading: atNamesAlone ? nil : connection)
        else { return nil }
        connection.rollBack()
        switch finding {
        case .unreadable(let error): return error
        case .overwritten(let error):
            files.putLogAside()
            return error.adding("Start with a backup; the log is kept as easel.db-wal.lost.")
        case .logLost(let error): return saveLog(error, connection)
        case .databaseLost(let error): return saveDatabase(error, connection)
        }
    }

    /// The log is still open: what is in it goes into the database before the process ends.
    private func saveLog(_ error: StorageError, _ connection: Connection) -> StorageError {
        do throws(StorageError) {
            let isWhole = try connection.checkpoint(.full)
            return error.adding(
                isWhole
                    ? "What was acknowledged is in the database's file; start the server again."
                    : "Make a backup before it ends: a read keeps some writes in the lost log."
            )
        } catch let failure {
            return error.adding("The log could not be saved: \(failure.message)")
        }
    }

    /// The database is still open: a copy of it keeps what was acknowledged.
    private func saveDatabase(_ error: StorageError, _ connection: Connection) -> StorageError {
        defer { files.putLogAside() }
        do throws(StorageError) {
            try Database.rescue(connection, to: rescuePath)
            return error.adding("What was acknowledged is saved in \(rescuePath).")
        } catch let failure {
            return error.adding("It could not be saved: \(failure.message)")
        }
    }

    /// Empties the log and closes the connection.
    ///
    /// - Parameter abandoning: whether the files are not to be touched any more.
    func close(abandoning: Bool) {
        defer { connection = nil }
        guard !abandoning else {
            // Closing would write to the database and delete the log by its name, which may lead
            // to another file by now. The end of the process closes without that.
            if let connection { _ = Unmanaged.passRetained(connection) }
            return
        }
        // A thread that still reads keeps the log from being emptied. The next start does it then;
        // the end of the process must not wait for the reader.
        connection?.limitWaiting(milliseconds: 0)
        _ = try? connection?.checkpoint(.passive)
        _ = try? connection?.checkpoint(.truncate)
    }
}
