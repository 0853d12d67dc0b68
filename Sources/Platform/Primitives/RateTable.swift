import Synchronization

/// Token buckets by key, in memory of a fixed size.
///
/// A key has eight places where it may stand. When all are taken by others the one that has spent
/// least gives way: a flood of made-up keys does not wash out the count of a busy one, and costs
/// nothing but its own place. Keys are hashed with a secret of the process, so nobody can choose
/// keys that meet.
package final class RateTable: Sendable {
    private struct Slot {
        var key: UInt64 = 0
        /// When the bucket is full again; the past for a free place.
        var full: Int64 = 0
    }

    // Mutex is not copyable, so an array needs a box.
    private final class Shard: Sendable {
        let slots: Mutex<[Slot]>

        init(_ count: Int) { slots = Mutex(Array(repeating: Slot(), count: count)) }
    }

    private static let shardCount = 16
    private static let places = 8

    /// What each key may do.
    package let limit: RateLimit
    private let shards: [Shard]
    private let groups: UInt64

    /// - Parameter slots: keys counted at once, 16 bytes each.
    package init(_ limit: RateLimit, slots: Int = 16_384) {
        self.limit = limit
        let groups = max(1, slots / Self.shardCount / Self.places)
        self.groups = UInt64(groups)
        shards = (0..<Self.shardCount).map { _ in Shard(groups * Self.places) }
    }

    /// Takes one from the key's bucket.
    package func take(_ key: some Hashable, at now: MonotonicTime) -> RateLimit.Outcome {
        onBucket(of: key, at: now) { full in
            let (outcome, after) = limit.attempt(full, at: now)
            full = after
            return outcome
        }
    }

    /// What an attempt would come to; nothing is taken.
    package func look(_ key: some Hashable, at now: MonotonicTime) -> RateLimit.Outcome {
        onBucket(of: key, at: now) { full in limit.attempt(full, at: now).outcome }
    }

    private func onBucket(
        of key: some Hashable,
        at now: MonotonicTime,
        _ body: (inout Int64) -> RateLimit.Outcome
    ) -> RateLimit.Outcome {
        var hasher = Hasher()
        hasher.combine(key)
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        let shard = shards[Int(hash % UInt64(Self.shardCount))]
        let first = Int(hash / UInt64(Self.shardCount) % groups) * Self.places
        return shard.slots.withLock { slots in
            var chosen = first
            for place in first..<first + Self.places {
                if slots[place].key == hash {
                    chosen = place
                    break
                }
                if slots[place].full < slots[chosen].full { chosen = place }
            }
            var full = slots[chosen].key == hash ? slots[chosen].full : 0
            let before = full
            let outcome = body(&full)
            if full != before { slots[chosen] = Slot(key: hash, full: full) }
            return outcome
        }
    }
}
