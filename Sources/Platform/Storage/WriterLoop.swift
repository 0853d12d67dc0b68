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
    private let clock: Clock

    init(connection: sending Connection, clock: Clock) {
        self.connection = connection
        self.clock = clock
        connection.watchLog()
    }

    /// Runs the jobs in one transaction and commits what succeeded.
    func commit(_ jobs: [WriteJob]) -> Outcome {
        var outcome = Outcome()
        guard let connection else {
            outcome.failure = StorageError(.closed, "The database is closed.")
            return outcome
        }
        do throws(StorageError) {
            try commit(jobs, on: connection, &outcome)
        } catch {
            connection.rollBack()
            outcome.failure = error
            outcome.actions = []
            if error.impairsWriting { outcome.impairment = error }
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
            isIdle ? StorageLimits.checkpointIdlePages : StorageLimits.checkpointBusyPages
        guard connection.logPages >= threshold else { return }
        // A checkpoint that fails loses nothing; a commit will meet the same fault and report it.
        try? connection.checkpoint(truncating: false)
    }

    /// Empties the log and closes the connection.
    func close() {
        // A thread that still reads keeps the log from being emptied. The next start does it then;
        // the end of the process must not wait for the reader.
        connection?.limitWaiting(milliseconds: 0)
        try? connection?.checkpoint(truncating: false)
        try? connection?.checkpoint(truncating: true)
        connection = nil
    }
}
