import AgentContract

/// Finds out whether two machines poll with one credential, as after a disk was copied.
///
/// One agent polls in order: its run stays, its count grows. When it starts again it has another
/// run, and the former one never comes back, but for one poll that the network held up. Two
/// agents take turns: the run that was there before comes back over and over. Machines that were
/// copied while they ran share the run, and the count of the slower one falls behind.
struct PollWatch: Sendable, Hashable {
    enum Finding: Sendable, Hashable {
        case single
        /// Two machines poll. `older` is the run that was there first; `nil` when they cannot be
        /// told apart.
        case cloned(older: UInt64?)
    }

    /// Turns that prove it: a process that ended explains two, its late poll and the return.
    static let turnsMax: UInt8 = 5
    /// Polls in order after which all is forgotten: two machines do not leave each other so many.
    static let orderedMax: UInt8 = 12

    /// The two runs seen last, in the order in which they appeared.
    private var older: UInt64?
    private var newer: UInt64?
    private var isOlderCurrent = false
    private var count: UInt64 = 0
    private var turns: UInt8 = 0
    private var ordered: UInt8 = 0

    private var current: UInt64? { isOlderCurrent ? older : newer }

    /// Takes up the usual poll, the next of the same run; leaves any other.
    ///
    /// - Returns: whether it was one.
    mutating func advance(_ stamp: PollStamp) -> Bool {
        // Agents without a stamp count nothing.
        guard stamp.run == current, stamp.count > count || stamp == .none else { return false }
        count = stamp.count
        ordered += 1
        if ordered >= Self.orderedMax { (turns, ordered) = (0, 0) }
        return true
    }

    /// Takes up one poll.
    mutating func take(_ stamp: PollStamp) -> Finding {
        if advance(stamp) { return .single }
        let current = current
        if stamp.run == current {
            // A proxy may send a poll twice.
            return stamp.count == count ? .single : turn(sharesRun: true)
        }
        count = stamp.count
        if stamp.run == older || stamp.run == newer {
            isOlderCurrent.toggle()
            return turn(sharesRun: false)
        }
        // A run that was never seen. Its first poll tells of a start, which explains two turns.
        if stamp.count <= 1 { turns -= min(turns, 2) }
        ordered = 0
        (older, newer) = (current, stamp.run)
        isOlderCurrent = false
        return .single
    }

    private mutating func turn(sharesRun: Bool) -> Finding {
        turns += 1
        ordered = 0
        guard turns >= Self.turnsMax else { return .single }
        turns = 0
        return .cloned(older: sharesRun ? nil : older)
    }
}
