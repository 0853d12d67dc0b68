import Primitives
import Synchronization

/// A clock that a test moves.
package final class TestClock: Sendable {
    private let moment: Mutex<Timestamp>

    /// A clock that stands at a moment.
    package init(_ moment: Timestamp = TestDispatcher.moment) {
        self.moment = Mutex(moment)
    }

    /// The moment at which it stands.
    package var now: Timestamp { moment.withLock { $0 } }

    /// Moves it on.
    package func advance(seconds: Int64) {
        moment.withLock { $0 = $0.adding(seconds: seconds) }
    }

    /// The clock as the program takes it.
    package var clock: Clock { Clock { self.now } }
}
