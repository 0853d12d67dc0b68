import Glibc

/// A moment of civil time in UTC, to the millisecond.
///
/// Counts milliseconds since 1970-01-01T00:00:00Z without leap seconds, as stored in the database.
/// Text is RFC 3339 with three fraction digits, the form the API writes everywhere.
package struct Timestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before.
    package var milliseconds: Int64

    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The moment this many whole seconds after 1970-01-01T00:00:00Z; saturates at the ends.
    package init(seconds: Int64) {
        self.milliseconds = saturatingProduct(seconds, 1000)
    }

    /// The system's civil time now, as fine as the kernel's tick (1 to 4 ms).
    package static func now() -> Timestamp {
        var value = timespec()
        // The coarse clock is read without a system call and is several times cheaper; nothing
        // stored needs more than the tick's resolution.
        clock_gettime(CLOCK_REALTIME_COARSE, &value)
        return Timestamp(
            milliseconds: Int64(value.tv_sec) &* 1000 &+ Int64(value.tv_nsec) / 1_000_000
        )
    }

    /// `0001-01-01T00:00:00.000Z`, the value Go clients write for "no time".
    package static let never = Timestamp(milliseconds: -62_135_596_800_000)

    /// The first moment RFC 3339 can write, `0000-01-01T00:00:00.000Z`.
    package static let earliestWritable = Timestamp(milliseconds: -62_167_219_200_000)

    /// The last moment RFC 3339 can write, `9999-12-31T23:59:59.999Z`.
    package static let latestWritable = Timestamp(milliseconds: 253_402_300_799_999)

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded towards the past.
    package var seconds: Int64 {
        milliseconds.flooringDivision(by: 1000)
    }

    /// Orders by time.
    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }

    /// This moment moved by seconds; saturates at the ends of the range.
    package func adding(seconds: Int64) -> Timestamp {
        adding(milliseconds: saturatingProduct(seconds, 1000))
    }

    /// This moment moved by milliseconds; saturates at the ends of the range.
    package func adding(milliseconds delta: Int64) -> Timestamp {
        let (sum, overflow) = milliseconds.addingReportingOverflow(delta)
        if overflow { return Timestamp(milliseconds: delta < 0 ? .min : .max) }
        return Timestamp(milliseconds: sum)
    }

    /// Milliseconds from an earlier moment to this one; negative if that one is later; saturates.
    package func milliseconds(since earlier: Timestamp) -> Int64 {
        let (difference, overflow) = milliseconds.subtractingReportingOverflow(earlier.milliseconds)
        if overflow { return milliseconds < earlier.milliseconds ? .min : .max }
        return difference
    }

    /// Whole seconds from an earlier moment to this one, rounded towards zero; saturates.
    package func seconds(since earlier: Timestamp) -> Int64 {
        milliseconds(since: earlier) / 1000
    }
}

extension Int64 {
    /// The quotient rounded towards negative infinity; `divisor` is a positive constant.
    func flooringDivision(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// The product, or the end of the range that lies on its side.
private func saturatingProduct(_ left: Int64, _ right: Int64) -> Int64 {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    if overflow { return (left < 0) == (right < 0) ? .max : .min }
    return product
}
