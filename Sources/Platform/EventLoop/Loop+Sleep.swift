extension Loop {
    /// Waits without holding the thread.
    ///
    /// Call it in a task that runs on this loop; it resumes there.
    ///
    /// - Throws: `CancellationError`, at once, when the task is or becomes cancelled.
    package func sleep(for delay: Duration) async throws {
        precondition(isCurrent, "A task sleeps on its own loop.")
        let nap = Nap(self)
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                nap.begin(delay, continuation)
            }
        } onCancel: {
            nap.cancel()
        }
    }
}

/// One sleep.
///
/// Lives on its loop; only `cancel` may come from another thread.
private final class Nap: @unchecked Sendable {
    private let loop: Loop
    private var timer: TimerHandle?
    private var continuation: UnsafeContinuation<Void, any Error>?
    private var isCancelled = false

    init(_ loop: Loop) {
        self.loop = loop
    }

    func begin(_ delay: Duration, _ continuation: UnsafeContinuation<Void, any Error>) {
        guard !isCancelled else {
            continuation.resume(throwing: CancellationError())
            return
        }
        self.continuation = continuation
        timer = loop.schedule(after: delay) { [self] in
            timer = nil
            finish(.success(()))
        }
    }

    func cancel() {
        if loop.isCurrent {
            isCancelled = true
            if let timer { loop.cancel(timer) }
            timer = nil
            finish(.failure(CancellationError()))
        } else {
            loop.submit { self.cancel() }
        }
    }

    private func finish(_ result: Result<Void, any Error>) {
        continuation?.resume(with: result)
        continuation = nil
    }
}

extension Duration {
    /// The whole nanoseconds in this span, clamped to what 64 bits hold.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        if carry { return seconds < 0 ? .min : .max }
        return sum
    }
}
