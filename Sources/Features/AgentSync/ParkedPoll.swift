import EventLoop
import Synchronization

/// A poll that waits for a change, for its time to run out, or for its client to go away.
///
/// Whatever comes first decides; the rest finds the poll ended.
final class ParkedPoll: Sendable {
    enum Outcome: Sendable {
        /// The desired state changed.
        case changed
        /// The time the client asked for is over.
        case timedOut
        /// A newer poll of the same appliance took its place.
        case superseded
        /// The appliance was deleted or its credential replaced.
        case revoked
        /// The client went away or the server drains.
        case cancelled
    }

    private enum State {
        case idle
        case waiting(CheckedContinuation<Outcome, Never>)
        case ended(Outcome)
    }

    private let state = Mutex(State.idle)

    /// Ends the poll; only the first call counts.
    ///
    /// From any thread.
    func finish(_ outcome: Outcome) {
        let continuation: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            switch state {
            case .idle:
                state = .ended(outcome)
                return nil
            case .waiting(let continuation):
                state = .ended(outcome)
                return continuation
            case .ended:
                return nil
            }
        }
        if let continuation { continuation.resume(returning: outcome) }
    }

    /// Suspends until `finish`, at most for `seconds`; resumes on the caller's loop.
    func wait(seconds: Int64) async -> Outcome {
        let loop = Loop.current
        let timer = loop?.schedule(after: .seconds(seconds)) { self.finish(.timedOut) }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ended: Outcome? = state.withLock { state in
                    if case .ended(let outcome) = state { return outcome }
                    state = .waiting(continuation)
                    return nil
                }
                if let ended { continuation.resume(returning: ended) }
            }
        } onCancel: {
            finish(.cancelled)
        }
        if let timer { loop?.cancel(timer) }
        return outcome
    }
}
