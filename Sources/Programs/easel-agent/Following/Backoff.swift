import Primitives

/// How long to wait before the next attempt: twice as long each time, any moment of that span.
///
/// Full jitter spreads a fleet that lost its server at one moment over the whole span.
struct Backoff: Sendable {
    static let firstMilliseconds: Int64 = 1000
    static let ceilingMilliseconds: Int64 = 300_000
    /// The longest wait that a server may ask for.
    static let retryAfterSecondsMax: Int64 = 3600

    private(set) var failures = 0

    /// The longest wait of the next attempt, in milliseconds.
    var ceiling: Int64 {
        min(Self.firstMilliseconds << Int64(min(failures, 20)), Self.ceilingMilliseconds)
    }

    /// Notes a failure and gives the wait.
    ///
    /// - Parameters:
    ///   - retryAfter: what the server asked for, in seconds: the wait is never shorter.
    ///   - random: any number.
    mutating func next(retryAfter: Int64?, random: UInt64) -> Duration {
        let jittered = 1 + Int64(random % UInt64(ceiling))
        failures = min(failures + 1, 1000)
        guard let retryAfter, retryAfter > 0 else { return .milliseconds(jittered) }
        let asked = min(retryAfter, Self.retryAfterSecondsMax) * 1000
        // Those who were told the same second do not come in the same second.
        return .milliseconds(asked + jittered % 1000)
    }

    /// Notes a success.
    mutating func reset() { failures = 0 }
}
