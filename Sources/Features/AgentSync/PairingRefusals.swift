import APIKit
import Primitives

/// Counts refused pairings by ID, and holds up an ID that has too many.
///
/// Only wrong secrets count. Tokens hold 256 bits and cannot be guessed, but pairing keys are what
/// an operator typed. Addresses that fail too often are held up before they come here.
final class PairingRefusals: Sendable {
    /// Ten refusals are free, one is forgiven in half a minute.
    private let byID = RateTable(RateLimit(burst: 10, every: .seconds(30)))

    /// Lets an ID through that is within its limit.
    ///
    /// - Throws: `.tooManyRequests`.
    func check(_ id: String, at now: MonotonicTime) throws {
        let outcome = byID.look(id, at: now)
        guard !outcome.isAllowed else { return }
        throw Failure(
            .tooManyRequests,
            "Too many pairings were refused; wait before trying again.",
            // Spread, so that a site that was held up does not come back as one.
            retryAfterSeconds: Int(outcome.wait / 1_000_000_000) + Int.random(in: 1...30)
        )
    }

    /// Counts one refusal.
    func record(_ id: String, at now: MonotonicTime) {
        _ = byID.take(id, at: now)
    }
}
