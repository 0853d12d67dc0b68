/// Runs tasks on one loop: the task executor of every handler.
///
/// A task that prefers it starts, and resumes after each suspension, on the loop's thread.
package final class LoopExecutor: TaskExecutor {
    private unowned let loop: Loop

    init(_ loop: Loop) {
        self.loop = loop
    }

    /// Queues a job: without a lock from the loop's own thread, with a wake-up from another.
    package func enqueue(_ job: consuming ExecutorJob) {
        loop.enqueue(UnownedJob(job))
    }
}
