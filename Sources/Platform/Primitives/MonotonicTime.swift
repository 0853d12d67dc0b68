import Glibc

/// A moment on the clock that never jumps, for time-outs and for measuring.
///
/// Means nothing outside this boot of this machine; never store or send it.
package struct MonotonicTime: Sendable, Hashable, Comparable {
    /// Nanoseconds since an arbitrary start.
    package var nanoseconds: Int64

    /// The moment this many nanoseconds after the clock's start.
    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// The clock now (`CLOCK_MONOTONIC`).
    package static func now() -> MonotonicTime {
        var value = timespec()
        clock_gettime(CLOCK_MONOTONIC, &value)
        return MonotonicTime(
            nanoseconds: Int64(value.tv_sec) &* 1_000_000_000 &+ Int64(value.tv_nsec)
        )
    }

    /// Orders by time.
    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// This moment moved by nanoseconds; saturates at the ends of the range.
    package func adding(nanoseconds delta: Int64) -> MonotonicTime {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(delta)
        if overflow { return MonotonicTime(nanoseconds: delta < 0 ? .min : .max) }
        return MonotonicTime(nanoseconds: sum)
    }

    /// This moment moved by milliseconds; saturates at the ends of the range.
    package func adding(milliseconds: Int64) -> MonotonicTime {
        let (delta, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return adding(nanoseconds: overflow ? (milliseconds < 0 ? .min : .max) : delta)
    }

    /// Nanoseconds from an earlier moment to this one; negative if that one is later; saturates.
    package func nanoseconds(since earlier: MonotonicTime) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        if overflow { return nanoseconds < earlier.nanoseconds ? .min : .max }
        return difference
    }

    /// Whole milliseconds from an earlier moment to this one, rounded towards zero.
    package func milliseconds(since earlier: MonotonicTime) -> Int64 {
        nanoseconds(since: earlier) / 1_000_000
    }
}
