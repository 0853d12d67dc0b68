import CSystem
import Glibc

/// The pool's queue is full; the caller should answer "try later".
package struct WorkerPoolSaturated: Error, Sendable {}

/// A few threads for work that would hold up a loop: key derivation, archives, scans.
package final class WorkerPool: @unchecked Sendable {
    private typealias Work = @Sendable () -> Void

    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let arrived: UnsafeMutablePointer<pthread_cond_t>
    private let queuedMax: Int
    private var queue: [Work] = []
    private var next = 0
    private var isStopping = false
    private var threads: [pthread_t] = []

    /// Starts the threads.
    ///
    /// - Parameter queuedMax: How much work may wait; more is refused.
    /// - Throws: `SystemError` when the process has no threads left.
    package init(threads count: Int, queuedMax: Int = 1024) throws {
        self.queuedMax = queuedMax
        lock = .allocate(capacity: 1)
        arrived = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrived, nil)
        for _ in 0..<max(count, 1) {
            let me = Unmanaged.passRetained(self)
            var thread = pthread_t()
            let code = pthread_create(&thread, nil, runWorkerThread, me.toOpaque())
            guard code == 0 else {
                me.release()
                stop()
                throw SystemError("pthread_create", code: code)
            }
            threads.append(thread)
        }
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(lock)
        arrived.deallocate()
        lock.deallocate()
    }

    /// Runs the body on a thread of the pool; the caller resumes where it was, on its own loop.
    ///
    /// Work that waits in the queue when its task is cancelled still runs.
    /// - Throws: `WorkerPoolSaturated` when too much waits already, or what the body throws.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            let accepted = push {
                continuation.resume(with: Result(catching: body))
            }
            if !accepted { continuation.resume(throwing: WorkerPoolSaturated()) }
        }
    }

    /// Finishes what is queued and ends the threads; later work is refused.
    ///
    /// Waits for them.
    package func shutdown() {
        stop()
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    private func stop() {
        pthread_mutex_lock(lock)
        isStopping = true
        pthread_cond_broadcast(arrived)
        pthread_mutex_unlock(lock)
    }

    private func push(_ work: @escaping Work) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !isStopping, queue.count - next < queuedMax else { return false }
        queue.append(work)
        pthread_cond_signal(arrived)
        return true
    }

    /// Waits for work; nil when the pool ends.
    private func pop() -> Work? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while next == queue.count {
            if isStopping { return nil }
            pthread_cond_wait(arrived, lock)
        }
        let work = queue[next]
        next += 1
        // Cut off what is done only now and then, so that taking one stays constant in time.
        if next == queue.count || next > 256 {
            queue.removeFirst(next)
            next = 0
        }
        return work
    }

    fileprivate func work() {
        easel_name_thread("worker")
        while let work = pop() { work() }
    }
}

private func runWorkerThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<WorkerPool>.fromOpaque(argument).takeRetainedValue().work()
    return nil
}
