import Primitives
import Synchronization

/// Slows down guessing of passwords (BEHAVIOUR 1.2): after the third failure in a row the next
/// attempt must wait, twice as long each time, and the fifth locks for 15 minutes.
///
/// Counts by account name, whether or not such an account exists, and by address; an address may
/// fail ten times as often, as a whole office stands behind one. An attempt counts while it is
/// under way, so that many at once win nothing.
final class LoginThrottle: Sendable {
    struct Limits: Sendable {
        var delayAfter: Int
        var lockAfter: Int
        /// Attempts under way while there is no failure yet: clients that start together may.
        var attemptsAtOnceMax: Int

        static let account = Limits(delayAfter: 3, lockAfter: 5, attemptsAtOnceMax: 16)
        static let address = Limits(delayAfter: 30, lockAfter: 50, attemptsAtOnceMax: 64)
    }

    static let lockSeconds: Int64 = 15 * 60
    /// Failures are forgotten when nothing happened for so long.
    static let memorySeconds: Int64 = 15 * 60

    fileprivate enum Key: Hashable {
        case account(name: String, organisation: String)
        case address(String)

        var limits: Limits {
            switch self {
            case .account: .account
            case .address: .address
            }
        }
    }

    private struct Entry {
        var failures = 0
        var underWay = 0
        var blockedUntil = Timestamp.never
        var lastAt: Timestamp
    }

    /// An attempt that was let through; it has to be ended.
    struct Attempt: Sendable {
        fileprivate let keys: [Key]
    }

    enum Decision: Sendable {
        case goOn(Attempt)
        /// How many whole seconds from now the next attempt may come.
        case wait(seconds: Int64)
    }

    private let entriesMax: Int
    private let entries = Mutex<[Key: Entry]>([:])

    /// - Parameter entriesMax: how many accounts and addresses are remembered, about 200 bytes each.
    init(entriesMax: Int = 20_000) {
        self.entriesMax = entriesMax
    }

    var entryCount: Int { entries.withLock { $0.count } }

    /// Asks to check a password.
    func begin(
        account: String,
        organisation: String,
        address: String,
        at now: Timestamp
    ) -> Decision {
        let keys = [Key.account(name: account, organisation: organisation), .address(address)]
        return entries.withLock { entries in
            let waits = keys.compactMap { Self.secondsToWait(entries[$0], $0.limits, now) }
            if let longest = waits.max() { return .wait(seconds: longest) }
            for key in keys {
                if entries[key] == nil { makeRoom(in: &entries, at: now) }
                var entry = entries[key] ?? Entry(lastAt: now)
                if Self.isForgotten(entry, now) { entry.failures = 0 }
                entry.underWay += 1
                entry.lastAt = now
                entries[key] = entry
            }
            return .goOn(Attempt(keys: keys))
        }
    }

    /// The password was right: what the account had failed before is forgiven, what the address
    /// had is not, or one good account would cover up guessing at others.
    func succeeded(_ attempt: Attempt) {
        end(attempt) { key, entry in
            if case .account = key {
                entry.failures = 0
                entry.blockedUntil = .never
            }
        }
    }

    /// The password was wrong.
    func failed(_ attempt: Attempt, at now: Timestamp) {
        end(attempt) { key, entry in
            entry.failures += 1
            entry.lastAt = now
            let limits = key.limits
            if entry.failures >= limits.lockAfter {
                entry.blockedUntil = now.adding(seconds: Self.lockSeconds)
                // What comes after the lock begins anew.
                entry.failures = 0
            } else if entry.failures >= limits.delayAfter {
                let doublings = min(entry.failures - limits.delayAfter, 8)
                entry.blockedUntil = now.adding(seconds: 1 << Int64(doublings))
            }
        }
    }

    /// The attempt came to no result, through no fault of the caller.
    func abandoned(_ attempt: Attempt) {
        end(attempt) { _, _ in }
    }

    private func end(_ attempt: Attempt, _ change: (Key, inout Entry) -> Void) {
        entries.withLock { entries in
            for key in attempt.keys {
                guard var entry = entries[key] else { continue }
                entry.underWay -= 1
                change(key, &entry)
                let isBlank =
                    entry.underWay <= 0 && entry.failures == 0 && entry.blockedUntil == .never
                entries[key] = isBlank ? nil : entry
            }
        }
    }

    private static func secondsToWait(
        _ entry: Entry?,
        _ limits: Limits,
        _ now: Timestamp
    ) -> Int64? {
        guard let entry else { return nil }
        if now < entry.blockedUntil {
            return max(1, (entry.blockedUntil.milliseconds(since: now) + 999) / 1000)
        }
        let failures = isForgotten(entry, now) ? 0 : entry.failures
        let atOnce = failures == 0 ? limits.attemptsAtOnceMax : limits.lockAfter - failures
        return entry.underWay < atOnce ? nil : 1
    }

    private static func isForgotten(_ entry: Entry, _ now: Timestamp) -> Bool {
        now.seconds(since: entry.lastAt) >= memorySeconds
    }

    /// Drops what no longer matters, then those that failed least, so that a flood of made-up
    /// names does not wash out the count of the one under attack.
    private func makeRoom(in entries: inout [Key: Entry], at now: Timestamp) {
        guard entries.count >= entriesMax else { return }
        entries = entries.filter {
            $0.value.underWay > 0 || now < $0.value.blockedUntil || !Self.isForgotten($0.value, now)
        }
        guard entries.count >= entriesMax else { return }
        let weakest = entries.filter { $0.value.underWay == 0 && $0.value.blockedUntil <= now }
            .sorted { ($0.value.failures, $0.value.lastAt) < ($1.value.failures, $1.value.lastAt) }
            .prefix(entriesMax / 10)
        for (key, _) in weakest { entries[key] = nil }
        // Only locks are left: the oldest give way, as memory has to stay bounded.
        guard entries.count >= entriesMax else { return }
        let oldest = entries.sorted { $0.value.blockedUntil < $1.value.blockedUntil }
            .prefix(entriesMax / 10)
        for (key, _) in oldest where (entries[key]?.underWay ?? 0) == 0 { entries[key] = nil }
    }
}
