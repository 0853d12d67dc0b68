import AgentContract
import Appliances
import Crypto
import Primitives
import Synchronization

/// One appliance in the fleet index.
package final class FleetEntry: Sendable {
    struct State {
        var credential: Digest?
        var projectUID = ""
        var ownCounter: Int64 = 0
        var followed: [FollowedProfile] = []
        var pausedReason: String?
        var applianceState = ""
        /// The entity tag of `taggedCounter`, with its quotes: made once per change, not per poll.
        var etag: [UInt8] = []
        var taggedCounter: Int64 = -1
        var epoch: Int64 = 0
        var parked: ParkedPoll?
        var health = Health()
    }

    /// What the appliance last said about its health.
    struct Health: Equatable {
        var state = ""
        var message = ""
        var agentVersion = ""
    }

    package let key: Int64
    package let uid: String
    package let tenantUID: String
    let state: Mutex<State> = Mutex(State())
    /// Wall-clock milliseconds of the last sign of life; 0 for never.
    private let lastSeen = Atomic<Int64>(0)
    /// Monotonic milliseconds of the same: silence is measured by a clock that nobody sets.
    private let lastSeenMonotonic = Atomic<Int64>(0)
    private let isUnflushed = Atomic<Bool>(false)

    init(key: Int64, uid: String, tenantUID: String) {
        self.key = key
        self.uid = uid
        self.tenantUID = tenantUID
    }

    // MARK: Signs of life

    /// Notes that the appliance was heard; written to the database in bulk later.
    func touch(at now: Timestamp, monotonic: MonotonicTime) {
        lastSeen.store(now.milliseconds, ordering: .relaxed)
        lastSeenMonotonic.store(monotonic.nanoseconds / 1_000_000, ordering: .relaxed)
        if !isUnflushed.load(ordering: .relaxed) { isUnflushed.store(true, ordering: .relaxed) }
    }

    /// Sets the time from the database at start; the silence counts from now.
    func restoreLastSeen(_ at: Timestamp?, monotonic: MonotonicTime) {
        lastSeen.store(at?.milliseconds ?? 0, ordering: .relaxed)
        lastSeenMonotonic.store(monotonic.nanoseconds / 1_000_000, ordering: .relaxed)
    }

    /// The last sign of life when it has not been written since; each is handed out once.
    func takeUnflushed() -> Timestamp? {
        guard isUnflushed.exchange(false, ordering: .relaxed) else { return nil }
        return Timestamp(milliseconds: lastSeen.load(ordering: .relaxed))
    }

    package var lastSeenAt: Timestamp? {
        let milliseconds = lastSeen.load(ordering: .relaxed)
        return milliseconds == 0 ? nil : Timestamp(milliseconds: milliseconds)
    }

    func secondsSilent(at monotonic: MonotonicTime) -> Int64 {
        (monotonic.nanoseconds / 1_000_000 - lastSeenMonotonic.load(ordering: .relaxed)) / 1000
    }

    // MARK: Desired state

    /// The number of the desired state and its entity tag.
    func desired() -> (number: DesiredNumber, etag: [UInt8]) {
        state.withLock { state in
            var counter = state.ownCounter
            for profile in state.followed { counter = max(counter, profile.counter) }
            if counter != state.taggedCounter {
                state.taggedCounter = counter
                state.etag = Array("\"\(state.epoch).\(counter)\"".utf8)
            }
            return (DesiredNumber(epoch: state.epoch, counter: counter), state.etag)
        }
    }

    var followed: [FollowedProfile] { state.withLock { $0.followed } }
    var pausedReason: String? { state.withLock { $0.pausedReason } }
    var credential: Digest? { state.withLock { $0.credential } }

    // MARK: Changes

    /// Takes up a committed write.
    ///
    /// - Returns: the credential that was valid before.
    func update(
        _ notice: ApplianceNotice, credential: Digest?, followed: [FollowedProfile],
        epoch: Int64
    ) -> Digest? {
        let (former, changed) = state.withLock { state in
            let former = state.credential
            let changed = state.ownCounter != notice.desiredCounter
                || state.pausedReason != notice.pausedReason || former != credential
                || state.followed.map(\.uid) != notice.profileUIDs
            state.credential = credential
            state.projectUID = notice.projectUID
            state.ownCounter = notice.desiredCounter
            state.followed = followed
            state.pausedReason = notice.pausedReason
            state.applianceState = notice.state
            state.epoch = epoch
            return (former, changed)
        }
        if changed { wake(former == credential ? .changed : .revoked) }
        return former
    }

    /// Ends a deleted appliance's poll.
    ///
    /// - Returns: the credential that was valid before.
    func retire() -> Digest? {
        let former = state.withLock { state in
            defer { state.credential = nil }
            return state.credential
        }
        wake(.revoked)
        return former
    }

    // MARK: Parking

    /// Holds a poll until something changes. A poll that was parked before ends at once: the
    /// newest wins, as the older one's client has most likely gone away.
    func park(_ poll: ParkedPoll) {
        let (older, followed) = state.withLock { state in
            defer { state.parked = poll }
            return (state.parked, state.followed)
        }
        older?.finish(.superseded)
        for profile in followed { profile.park(self) }
    }

    /// Lets go of a poll that has ended, unless a newer one has taken its place.
    func unpark(_ poll: ParkedPoll) {
        let followed: [FollowedProfile]? = state.withLock { state in
            guard state.parked === poll else { return nil }
            state.parked = nil
            return state.followed
        }
        for profile in followed ?? [] { profile.unpark(self) }
    }

    func wake(_ outcome: ParkedPoll.Outcome) {
        state.withLock { $0.parked }?.finish(outcome)
    }
}
