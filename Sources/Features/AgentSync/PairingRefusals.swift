import APIKit
import Primitives
import Synchronization

/// Counts refused pairings by address and by ID, and holds up whoever has too many.
///
/// Only wrong secrets count. Tokens hold 256 bits and cannot be guessed, but pairing keys are what
/// an operator typed. An address may fail often, as a whole site stands behind one.
final class PairingRefusals: Sendable {
    enum Key: Hashable {
        case address(String)
        case appliance(String)

        /// Refusals that are free, and how fast one is forgiven.
        var limits: (burst: Int64, millisecondsPerRefusal: Int64) {
            switch self {
            case .address: (200, 1000)
            case .appliance: (10, 30_000)
            }
        }
    }

    private struct Bucket {
        var spent: Int64
        var countedAt: MonotonicTime
    }

    /// Keys remembered at most; one that is forgotten begins anew.
    static let entriesMax = 20_000

    private let buckets = Mutex<[Key: Bucket]>([:])

    var entryCount: Int { buckets.withLock { $0.count } }

    /// Lets through what is within its limits.
    ///
    /// - Throws: `.tooManyRequests`.
    func check(_ keys: [Key], at now: MonotonicTime) throws {
        let blocked = buckets.withLock { buckets in
            keys.filter { Self.refilled(buckets[$0], $0, now).spent >= $0.limits.burst }
                .map(\.limits.millisecondsPerRefusal).max()
        }
        guard let blocked else { return }
        throw Failure(
            .tooManyRequests,
            "Too many pairings were refused; wait before trying again.",
            // Spread, so that a site that was held up does not come back as one.
            retryAfterSeconds: Int(blocked / 1000) + Int.random(in: 1...30)
        )
    }

    /// Counts one refusal.
    func record(_ keys: [Key], at now: MonotonicTime) {
        buckets.withLock { buckets in
            for key in keys {
                if buckets[key] == nil { Self.makeRoom(&buckets, now) }
                var bucket = Self.refilled(buckets[key], key, now)
                bucket.spent = min(bucket.spent + 1, key.limits.burst)
                buckets[key] = bucket
            }
        }
    }

    private static func refilled(_ bucket: Bucket?, _ key: Key, _ now: MonotonicTime) -> Bucket {
        guard let bucket else { return Bucket(spent: 0, countedAt: now) }
        let each = key.limits.millisecondsPerRefusal
        let forgiven = max(0, now.milliseconds(since: bucket.countedAt)) / each
        return Bucket(
            spent: max(0, bucket.spent - forgiven),
            countedAt: bucket.countedAt.adding(milliseconds: forgiven * each)
        )
    }

    /// Forgets what is forgiven, then a tenth of those that failed least: a flood of made-up IDs
    /// must not wash out the count of the one under attack.
    private static func makeRoom(_ buckets: inout [Key: Bucket], _ now: MonotonicTime) {
        guard buckets.count >= entriesMax else { return }
        buckets = buckets.filter { refilled($0.value, $0.key, now).spent > 0 }
        guard buckets.count >= entriesMax else { return }
        let weakest = buckets.sorted {
            ($0.value.spent, $0.value.countedAt) < ($1.value.spent, $1.value.countedAt)
        }
        for (key, _) in weakest.prefix(entriesMax / 10) { buckets[key] = nil }
    }
}
