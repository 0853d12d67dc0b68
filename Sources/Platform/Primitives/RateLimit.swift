import Synchronization

/// How often something may be done: `burst` times at once, and once more in each interval.
///
/// A token bucket kept in one word: the moment at which it will be full again (the generic cell
/// rate algorithm). A word that lies in the past is a full bucket, so whoever has been quiet for a
/// while may be forgotten without loss.
package struct RateLimit: Sendable, Hashable {
    /// What a full bucket holds.
    package let burst: Int
    /// The nanoseconds in which one more is given.
    package let interval: Int64

    /// - Parameters:
    ///   - burst: at least 1.
    ///   - every: at least a nanosecond, at most a day.
    package init(burst: Int, every interval: Duration) {
        let burst = min(max(burst, 1), 1 << 24)
        let parts = interval.components
        let seconds = min(max(parts.seconds, 0), 86_400)
        let nanoseconds = max(1, seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000)
        self.burst = burst
        // Far beyond any use; it keeps `window` within the range of numbers.
        self.interval = min(nanoseconds, Int64.max / 8 / Int64(burst))
    }

    /// What became of one attempt.
    package struct Outcome: Sendable, Hashable {
        /// Nanoseconds until the next attempt succeeds; 0 when this one did.
        package let wait: Int64
        /// How many more may follow at once.
        package let remaining: Int
        /// Nanoseconds until the bucket is full again.
        package let untilFull: Int64

        /// Whether this attempt is within the limit.
        package var isAllowed: Bool { wait == 0 }
    }

    /// The nanoseconds in which an empty bucket fills.
    package var window: Int64 { Int64(burst) * interval }

    /// One attempt against a bucket that is full again at `full`.
    ///
    /// - Returns: what came of it, and when the bucket is full afterwards.
    func attempt(
        _ full: Int64,
        at now: MonotonicTime
    ) -> (outcome: Outcome, full: Int64) {
        let missing = max(0, full &- now.nanoseconds)
        let wanted = missing + interval
        guard wanted <= window else {
            let outcome = Outcome(wait: wanted - window, remaining: 0, untilFull: missing)
            return (outcome, full)
        }
        let outcome = Outcome(
            wait: 0,
            remaining: Int((window - wanted) / interval),
            untilFull: wanted
        )
        return (outcome, now.nanoseconds &+ wanted)
    }

    /// Takes one from a bucket that threads share.
    package func take(
        from bucket: borrowing Atomic<Int64>,
        at now: MonotonicTime
    ) -> Outcome {
        var known = bucket.load(ordering: .relaxed)
        while true {
            let (outcome, full) = attempt(known, at: now)
            guard outcome.isAllowed else { return outcome }
            let (isExchanged, original) = bucket.weakCompareExchange(
                expected: known,
                desired: full,
                ordering: .relaxed
            )
            if isExchanged { return outcome }
            known = original
        }
    }
}
