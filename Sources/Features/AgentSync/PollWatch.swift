import AgentContract
import Primitives

/// Finds out whether several machines poll with one credential, as after a disk was copied.
///
/// One agent polls in order: its run stays, its count grows. When it starts again it has another
/// run, and the former one never comes back, but for one poll that the network held up. Of several
/// agents those that were there before come back over and over. Machines that were copied while
/// they ran share the run, and the count of the slower one falls behind.
struct PollWatch: Sendable {
    enum Finding: Sendable, Hashable {
        case single
        /// Several machines poll. `older` is the run that was there first; `nil` when they cannot
        /// be told apart.
        case cloned(older: UInt64?)
    }

    /// Returns of one run that prove it: the late poll of a life that ended explains one, that of a
    /// life which the server had forgotten another.
    static let returnsMax: UInt8 = 4
    /// Runs that are remembered of an appliance.
    static let runsMax = 8
    /// Those that polled last, of which none makes room: a late poll may still come of them.
    static let recentMax = 4
    /// How long a run and its returns are remembered.
    static let hoursMax: Int64 = 24
    /// Falls of one run's count that prove it, with fewer than ``orderedMax`` polls between two.
    static let fallsMax: UInt8 = 5
    /// Polls in order after which falls are forgotten: a network that holds up polls makes some,
    /// and two machines of one run do not leave each other so many.
    static let orderedMax: UInt8 = 12

    private struct Run {
        let name: UInt64
        var count: UInt64
        var seenAt: MonotonicTime
        var returns: UInt8 = 0
        var returnedAt = MonotonicTime(nanoseconds: 0)
    }

    /// The run that polled last.
    private var current: UInt64?
    private var count: UInt64 = 0
    private var falls: UInt8 = 0
    private var ordered: UInt8 = 0
    /// The runs in the order in which they appeared; empty while there was only one, as in nearly
    /// all of a large fleet.
    ///
    /// What it says of the current one is as old as its last return.
    private var runs: [Run] = []

    /// Takes up the usual poll, the next of the same run; leaves any other.
    ///
    /// - Returns: whether it was one.
    mutating func advance(_ stamp: PollStamp) -> Bool {
        guard stamp.run == current, Self.follows(stamp, count) else { return false }
        count = stamp.count
        ordered += 1
        if ordered >= Self.orderedMax { (falls, ordered) = (0, 0) }
        return true
    }

    /// Takes up one poll.
    mutating func take(_ stamp: PollStamp, at now: MonotonicTime) -> Finding {
        if advance(stamp) { return .single }
        guard let current else {
            (self.current, count) = (stamp.run, stamp.count)
            return .single
        }
        if stamp.run == current { return takeFallen(stamp) }
        leave(current, at: now)
        guard let place = runs.firstIndex(where: { $0.name == stamp.run }) else {
            append(stamp, at: now)
            return .single
        }
        // A proxy may send a poll twice, and late.
        guard Self.follows(stamp, runs[place].count) else { return .single }
        (self.current, count) = (stamp.run, stamp.count)
        // The newest run returns after each late poll of an ended one.
        guard place < runs.count - 1 else { return .single }
        return takeReturn(to: place, at: now)
    }

    /// Whether a poll comes after the one of this count; agents without a stamp count nothing.
    private static func follows(_ stamp: PollStamp, _ count: UInt64) -> Bool {
        stamp.count > count || stamp == .none
    }

    private mutating func takeFallen(_ stamp: PollStamp) -> Finding {
        if stamp.count == count { return .single }
        falls += 1
        ordered = 0
        guard falls >= Self.fallsMax else { return .single }
        falls = 0
        return .cloned(older: nil)
    }

    /// Writes down how far the current run has come, and forgets what is too old.
    private mutating func leave(_ current: UInt64, at now: MonotonicTime) {
        if let place = runs.firstIndex(where: { $0.name == current }) {
            runs[place].count = count
            runs[place].seenAt = now
        } else {
            runs = [Run(name: current, count: count, seenAt: now)]
        }
        runs.removeAll { Self.isOld($0.seenAt, now) }
    }

    private mutating func append(_ stamp: PollStamp, at now: MonotonicTime) {
        if runs.count >= Self.runsMax {
            let bySilence = runs.indices.sorted { runs[$0].seenAt < runs[$1].seenAt }
            runs.remove(at: bySilence[Self.place(stamp, below: runs.count - Self.recentMax)])
        }
        runs.append(Run(name: stamp.run, count: stamp.count, seenAt: now))
        (current, count) = (stamp.run, stamp.count)
    }

    /// Which of the runs that are silent makes room, as good as by lot.
    ///
    /// Would always the one go that was silent longest, then of more machines than are remembered,
    /// that poll one after the other, each would be forgotten just before its turn.
    private static func place(_ stamp: PollStamp, below count: Int) -> Int {
        var mixed = (stamp.run ^ stamp.count) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 29)) &* 0xBF58_476D_1CE4_E5B9
        return Int((mixed >> 32) % UInt64(count))
    }

    private mutating func takeReturn(to place: Int, at now: MonotonicTime) -> Finding {
        if Self.isOld(runs[place].returnedAt, now) { runs[place].returns = 0 }
        runs[place].returns += 1
        runs[place].returnedAt = now
        guard runs[place].returns >= Self.returnsMax else { return .single }
        // One that ended may have been there before, and returned once.
        let older = runs.first { $0.returns > 1 }?.name
        for place in runs.indices { runs[place].returns = 0 }
        return .cloned(older: older)
    }

    private static func isOld(_ then: MonotonicTime, _ now: MonotonicTime) -> Bool {
        now.milliseconds(since: then) > hoursMax * 3_600_000
    }
}
