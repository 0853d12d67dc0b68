import Primitives

/// Counts, second by second, the frames that cost the server work and bring the client nothing.
struct HTTP2Budget {
    /// What is counted.
    enum Kind: Int {
        case clientReset, serverReset, settings, ping, windowUpdate, empty
    }

    private var since = MonotonicTime(nanoseconds: .min)
    private var counts = SIMD8<Int32>()

    /// Counts one frame.
    ///
    /// - Returns: Whether it is within the limit of this second.
    mutating func take(_ kind: Kind, _ limit: Int, at now: MonotonicTime) -> Bool {
        if now.nanoseconds(since: since) >= 1_000_000_000 {
            since = now
            counts = SIMD8()
        }
        counts[kind.rawValue] &+= 1
        return counts[kind.rawValue] <= limit
    }
}
