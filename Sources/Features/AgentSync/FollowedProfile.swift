import Primitives
import Synchronization

/// The newest revision of one profile, shared by all appliances that follow it: a publish changes
/// this one object, however many follow.
package final class FollowedProfile: Sendable {
    private struct State {
        var number: Int64 = 0
        var counter: Int64 = 0
        var content: [UInt8] = []
        var parked: [Int64: ParkedPoll] = [:]
    }

    package let uid: String
    private let state = Mutex(State())
    /// The newest revision's counter, readable without the lock: every poll compares it.
    private let newestCounter = Atomic<Int64>(0)

    init(uid: String) {
        self.uid = uid
    }

    /// 0 while nothing is published.
    var counter: Int64 { newestCounter.load(ordering: .acquiring) }

    /// The bytes of the newest revision; empty while nothing is published.
    package var content: [UInt8] { state.withLock { $0.content } }

    /// The number of the newest revision; 0 while nothing is published.
    package var number: Int64 { state.withLock { $0.number } }

    /// Takes up a revision, unless a newer one is there already.
    ///
    /// - Returns: the polls that wait for it.
    func publish(number: Int64, counter: Int64, content: [UInt8]) -> [ParkedPoll] {
        state.withLock { state in
            guard counter > state.counter else { return [] }
            state.number = number
            state.counter = counter
            state.content = content
            newestCounter.store(counter, ordering: .releasing)
            return Array(state.parked.values)
        }
    }

    func park(_ poll: ParkedPoll, of key: Int64) {
        state.withLock { $0.parked[key] = poll }
    }

    /// Lets go of a poll; a newer one of the same appliance stays.
    func unpark(_ poll: ParkedPoll, of key: Int64) {
        state.withLock { state in
            if state.parked[key] === poll { state.parked[key] = nil }
        }
    }
}
