import Primitives
import Synchronization

/// The thread that owns the write connection and commits what others queue (group commit).
///
/// All jobs that wait run in one transaction, each in its own savepoint, and are answered after
/// its commit. There is no timer: the next batch forms while the former one reaches the disk.
final class Writer: Sendable {
    private struct Queue {
        var jobs: [WriteJob] = []
        var isClosing = false
        var isAsleep = false
        var failure: StorageError?
    }

    private let queue = Monitor(Queue())
    private let worker = Mutex<Worker?>(nil)
    /// Counts commits; a reader whose snapshot was opened at another count opens a new one.
    let generation = Atomic<UInt64>(0)
    let statistics = Mutex(WriterStatistics())
    let counter: StatementCounter
    private let queuedJobsMax: Int
    private let probeIntervalMilliseconds: Int
    private let onFailure: @Sendable (StorageError?) -> Void

    /// Takes the connection over and starts the thread.
    init(_ connection: sending Connection, _ options: DatabaseOptions) throws(StorageError) {
        counter = connection.counter
        queuedJobsMax = options.queuedJobsMax
        probeIntervalMilliseconds = options.probeIntervalMilliseconds
        onFailure = options.onFailure
        let loop = WriterLoop(connection: connection, options)
        let started = try Worker { [self] in run(loop) }
        worker.withLock { $0 = started }
    }

    /// Queues a job, or says why not.
    func submit(_ job: WriteJob) -> StorageError? {
        let (refusal, wakes) = queue.withLock { queue -> (StorageError?, Bool) in
            if queue.isClosing { return (StorageError(.closed, "The database is closed."), false) }
            if let failure = queue.failure, failure.isLasting { return (failure, false) }
            if queue.jobs.count >= queuedJobsMax {
                return (StorageError(.overloaded, "Too many writes wait."), false)
            }
            queue.jobs.append(job)
            defer { queue.isAsleep = false }
            return (nil, queue.isAsleep)
        }
        if wakes { queue.wakeAll() }
        return refusal
    }

    /// Commits what is queued, refuses what comes later, and ends the thread.
    func close() {
        queue.withLock { $0.isClosing = true }
        queue.wakeAll()
        let ended = worker.withLock { worker in
            defer { worker = nil }
            return worker
        }
        ended?.join()
    }

    /// Whether the caller runs on the writer's thread, where waiting for a write never ends.
    var isCurrentThread: Bool { worker.withLock { $0?.isCurrent ?? false } }

    /// Why writing fails at present; nil while it works.
    var failure: StorageError? { queue.withLock { $0.failure } }

    /// Jobs that wait.
    var queueLength: Int { queue.withLock { $0.jobs.count } }

    /// Notes what a reader met; the next attempt to write finds out whether it is over.
    func note(_ error: StorageError) {
        if error.impairsWriting { setFailure(error) }
    }

    private enum Step {
        case batch([WriteJob], leaving: Int)
        /// Nothing was written for a while: the files may have gone in the meantime.
        case look
        case probe
        case end
    }

    private func run(_ loop: WriterLoop) {
        while true {
            switch nextStep() {
            case .batch(let jobs, _) where failure?.isLasting == true:
                for job in jobs { job.finish(failure) }
            case .batch(let jobs, let waiting):
                let outcome = loop.commit(jobs)
                note(outcome, loop, jobs: jobs.count)
                for action in outcome.actions { action() }
                for job in jobs { job.finish(outcome.failure) }
                checkpoint(loop, isIdle: waiting == 0 && queueLength == 0)
            case .look:
                if let lost = loop.look() { setFailure(lost) }
            case .probe:
                checkpoint(loop, isIdle: true)
                note(loop.commit([ProbeJob()]), loop, jobs: 0)
            case .end:
                loop.close(abandoning: failure?.isLasting == true)
                return
            }
        }
    }

    private func nextStep() -> Step {
        let failure = failure
        let step = queue.wait(
            milliseconds: failure?.isLasting == true ? nil : probeIntervalMilliseconds
        ) { queue -> Step? in
            if queue.jobs.isEmpty {
                queue.isAsleep = true
                return queue.isClosing ? .end : nil
            }
            queue.isAsleep = false
            if queue.jobs.count <= StorageLimits.batchJobsMax {
                let jobs = queue.jobs
                queue.jobs = []
                queue.jobs.reserveCapacity(jobs.count)
                return .batch(jobs, leaving: 0)
            }
            let jobs = Array(queue.jobs.prefix(StorageLimits.batchJobsMax))
            queue.jobs.removeFirst(jobs.count)
            return .batch(jobs, leaving: queue.jobs.count)
        }
        return step ?? (failure == nil ? .look : .probe)
    }

    private func checkpoint(_ loop: WriterLoop, isIdle: Bool) {
        loop.checkpoint(isIdle: isIdle)
        if let failure = loop.checkpointFailure { setFailure(failure) }
    }

    private func note(_ outcome: WriterLoop.Outcome, _ loop: WriterLoop, jobs: Int) {
        if outcome.didCommit { generation.add(1, ordering: .sequentiallyConsistent) }
        statistics.withLock { statistics in
            statistics.addBatch(jobs: jobs)
            if outcome.didCommit { statistics.addCommit(microseconds: outcome.commitMicroseconds) }
        }
        if let impairment = outcome.impairment {
            setFailure(impairment)
        } else if outcome.didCommit, loop.checkpointFailure == nil {
            setFailure(nil)
        }
    }

    private func setFailure(_ failure: StorageError?) {
        let isNews = queue.withLock { queue -> Bool in
            // What lasts is not over because something else went well or wrong.
            if let former = queue.failure, former.isLasting { return false }
            defer { queue.failure = failure }
            return queue.failure?.kind != failure?.kind
        }
        if isNews { onFailure(failure) }
    }
}

/// Writes a little, to find out whether writing works again.
///
/// Without it a server that is taken out of service for a full disk would get no write, and so
/// never learn that there is room again.
private final class ProbeJob: WriteJob, @unchecked Sendable {
    override func run(_ tx: borrowing Transaction) throws {
        try tx.run("UPDATE meta SET value = value + 1 WHERE key = 'write_probe'")
    }
}
