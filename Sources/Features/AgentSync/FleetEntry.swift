import AgentContract
import APIKit
import Appliances
import Crypto
import Primitives
import Synchronization

/// One appliance in the fleet index.
package final class FleetEntry: AppliancePrincipal, Sendable {
    struct State {
        var credential: Digest?
        var projectUID: String
        var ownCounter: Int64 = 0
        var followed: [FollowedProfile] = []
        var pausedReason: String?
        /// The agent's run that is followed although another machine uses the credential.
        var keptRun: UInt64?
        var watch = PollWatch()
        /// The entity tag of `taggedCounter`, with its quotes: made once per change, not per poll.
        var etag: [UInt8] = []
        var taggedCounter: Int64 = -1
        let epoch: Int64
        /// The epoch whose numbers an operator has accepted although this server did not give
        /// them.
        var resumedEpoch: Int64?
        var parked: ParkedPoll?
        var health = Health()
        /// What the appliance counts as; nil once it is deleted.
        var counted: FleetCounts.Kind? = .unknown

        var numberEpoch: Int64 { max(epoch, resumedEpoch ?? 0) }
    }

    /// What the appliance last said about its health.
    struct Health: Sendable, Equatable {
        var state = ApplianceHealth.State.unknown
        var message = ""
        var agentVersion = ""

        /// Whether it is what the server says of an appliance that it does not hear.
        var saysSilence: Bool {
            state == .unhealthy && message == ApplianceHealth.silenceMessage
        }
    }

    package let key: Int64
    package let uid: String
    package let tenantUID: String
    private let state: Mutex<State>
    private let counts: FleetCounts
    /// Wall-clock milliseconds of the last sign of life; 0 for never.
    private let lastSeen = Atomic<Int64>(0)
    /// Monotonic milliseconds of the same: silence is measured by a clock that nobody sets.
    private let lastSeenMonotonic = Atomic<Int64>(0)
    private let isUnflushed = Atomic<Bool>(false)
    private let isSilencedFlag = Atomic<Bool>(false)
    private let isCredentialUsedFlag = Atomic<Bool>(false)
    /// When its budget of calls is full again.
    private let budgetFullAt = Atomic<Int64>(0)

    init(
        key: Int64,
        uid: String,
        tenantUID: String,
        projectUID: String,
        epoch: Int64,
        counts: FleetCounts
    ) {
        self.key = key
        self.uid = uid
        self.tenantUID = tenantUID
        self.counts = counts
        state = Mutex(State(projectUID: projectUID, epoch: epoch))
        counts.move(from: nil, to: .unknown)
    }

    /// Takes one call from its budget: one word, no lock.
    package func take(_ limit: RateLimit, at now: MonotonicTime) -> RateLimit.Outcome {
        limit.take(from: budgetFullAt, at: now)
    }

    // MARK: Signs of life

    /// Notes that the appliance was heard; written to the database in bulk later, unless a write
    /// of its own says so already.
    func touch(at now: Timestamp, monotonic: MonotonicTime, isWritten: Bool = false) {
        lastSeen.store(now.milliseconds, ordering: .relaxed)
        lastSeenMonotonic.store(monotonic.nanoseconds / 1_000_000, ordering: .relaxed)
        if !isWritten, !isUnflushed.load(ordering: .relaxed) {
            isUnflushed.store(true, ordering: .releasing)
        }
    }

    /// Sets the time from the database at start.
    func restoreLastSeen(_ at: Timestamp?) {
        lastSeen.store(at?.milliseconds ?? 0, ordering: .relaxed)
    }

    /// The last sign of life when it has not been written since; each is handed out once.
    func takeUnflushed() -> Timestamp? {
        guard isUnflushed.load(ordering: .relaxed),
            isUnflushed.exchange(false, ordering: .acquiring)
        else { return nil }
        return Timestamp(milliseconds: lastSeen.load(ordering: .relaxed))
    }

    /// Gives back a sign of life whose write has failed.
    func putBackUnflushed() { isUnflushed.store(true, ordering: .releasing) }

    package var lastSeenAt: Timestamp? {
        let milliseconds = lastSeen.load(ordering: .relaxed)
        return milliseconds == 0 ? nil : Timestamp(milliseconds: milliseconds)
    }

    /// How long nothing was heard, counted from when the server began to listen at the earliest.
    func secondsSilent(at now: MonotonicTime, listeningSince start: MonotonicTime) -> Int64 {
        let heard = max(
            lastSeenMonotonic.load(ordering: .relaxed),
            start.nanoseconds / 1_000_000
        )
        return (now.nanoseconds / 1_000_000 - heard) / 1000
    }

    // MARK: Health

    var health: Health { state.withLock { $0.health } }

    /// Whether the appliance counts as unhealthy because nothing was heard of it.
    var isSilenced: Bool { isSilencedFlag.load(ordering: .relaxed) }

    /// Takes up a committed write of its health.
    func setHealth(_ health: Health) {
        state.withLock { state in
            state.health = health
            recount(&state)
        }
        isSilencedFlag.store(health.saysSilence, ordering: .relaxed)
    }

    /// Moves the appliance to what it counts as now, unless it is deleted.
    private func recount(_ state: inout State) {
        guard let former = state.counted else { return }
        let kind = FleetCounts.Kind(state.health, isPaused: state.pausedReason != nil)
        counts.move(from: former, to: kind)
        state.counted = kind
    }

    // MARK: Desired state

    /// What a poll has to know of the desired state.
    struct Desired {
        let number: DesiredNumber
        /// The number as an entity tag, with its quotes.
        let etag: [UInt8]
        let isPaused: Bool
    }

    /// The number of the desired state and its entity tag.
    func desired() -> Desired { state.withLock { Self.desired(&$0) } }

    private static func desired(_ state: inout State) -> Desired {
        var counter = state.ownCounter
        for profile in state.followed { counter = max(counter, profile.counter) }
        let number = DesiredNumber(epoch: state.numberEpoch, counter: counter)
        if counter != state.taggedCounter {
            state.taggedCounter = counter
            state.etag = Array("\"\(number.text)\"".utf8)
        }
        return Desired(number: number, etag: state.etag, isPaused: state.pausedReason != nil)
    }

    /// Takes up the stamp of a poll that asks for nothing new, when it is the next of the same
    /// agent; any other poll changes nothing.
    ///
    /// - Parameter isKnown: whether the agent has this desired state.
    /// - Returns: the entity tag; nil when the poll needs a closer look.
    func confirm(_ stamp: PollStamp, _ isKnown: (Desired) -> Bool) -> [UInt8]? {
        state.withLock { state in
            let desired = Self.desired(&state)
            guard !desired.isPaused, isKnown(desired), state.watch.advance(stamp) else {
                return nil
            }
            return desired.etag
        }
    }

    var followed: [FollowedProfile] { state.withLock { $0.followed } }
    var pausedReason: String? { state.withLock { $0.pausedReason } }
    var credential: Digest? { state.withLock { $0.credential } }
    /// Whether the database knows that a request came with the credential.
    var isCredentialUsed: Bool { isCredentialUsedFlag.load(ordering: .relaxed) }
    var projectUID: String { state.withLock { $0.projectUID } }
    /// Whether a machine holds its credential.
    var isPaired: Bool { state.withLock { $0.credential != nil } }
    var resumedEpoch: Int64? { state.withLock { $0.resumedEpoch } }

    /// Why nothing is sent to an agent; `nil` when it is served.
    ///
    /// - Parameter run: of the agent that asks.
    func pausedReason(for run: UInt64) -> String? {
        state.withLock { state in
            state.keptRun == run ? nil : state.pausedReason
        }
    }

    /// Takes up the stamp of a poll.
    func watch(_ stamp: PollStamp, at now: MonotonicTime) -> PollWatch.Finding {
        state.withLock { $0.watch.take(stamp, at: now) }
    }

    /// Takes up that the credential's use is written.
    func setCredentialUsed() { isCredentialUsedFlag.store(true, ordering: .relaxed) }

    /// Takes up that an operator accepted the numbers of an epoch.
    func setResumedEpoch(_ epoch: Int64) {
        state.withLock { state in
            state.resumedEpoch = epoch
            state.taggedCounter = -1
        }
    }

    // MARK: Changes

    /// Takes up a committed write.
    ///
    /// - Returns: the credential that was valid before.
    func update(
        _ notice: ApplianceNotice,
        credential: Digest?,
        followed: [FollowedProfile],
        projectUID: String
    ) -> Digest? {
        let (former, poll) = state.withLock { state in
            let former = state.credential
            let changed =
                state.ownCounter != notice.desiredCounter
                || state.pausedReason != notice.pausedReason || former != credential
                || !state.followed.elementsEqual(followed, by: ===)
            // Another machine, or an operator who has looked at it: what was seen before is over.
            if former != credential || (state.pausedReason != nil && notice.pausedReason == nil) {
                state.watch = PollWatch()
            }
            state.keptRun = notice.keptRun.map { UInt64(bitPattern: $0) }
            state.credential = credential
            state.projectUID = projectUID
            state.ownCounter = notice.desiredCounter
            state.followed = followed
            state.pausedReason = notice.pausedReason
            recount(&state)
            return (former, changed ? state.parked : nil)
        }
        isCredentialUsedFlag.store(notice.isCredentialUsed, ordering: .relaxed)
        poll?.finish(former == credential ? .changed : .revoked)
        return former
    }

    /// Ends a deleted appliance's poll.
    ///
    /// - Returns: the credential that was valid before.
    func retire() -> Digest? {
        let (former, poll) = state.withLock { state in
            counts.move(from: state.counted, to: nil)
            state.counted = nil
            defer { state.credential = nil }
            return (state.credential, state.parked)
        }
        poll?.finish(.revoked)
        return former
    }

    // MARK: Parking

    /// Holds a poll until something changes.
    ///
    /// A poll that was parked before ends at once: the newest wins, as the older one's client has
    /// most likely gone away.
    ///
    /// - Returns: the profiles that will wake it, for ``unpark(_:_:)``.
    func park(_ poll: ParkedPoll) -> [FollowedProfile] {
        let (older, followed) = state.withLock { state in
            defer { state.parked = poll }
            return (state.parked, state.followed)
        }
        counts.countParked(1)
        older?.finish(.superseded)
        for profile in followed { profile.park(poll, of: key) }
        return followed
    }

    /// Lets go of a poll that has ended, unless a newer one has taken its place.
    func unpark(_ poll: ParkedPoll, _ followed: [FollowedProfile]) {
        state.withLock { state in
            if state.parked === poll { state.parked = nil }
        }
        for profile in followed { profile.unpark(poll, of: key) }
        counts.countParked(-1)
    }

    /// Whether a poll is parked now.
    package var hasParkedPoll: Bool { state.withLock { $0.parked != nil } }
}
